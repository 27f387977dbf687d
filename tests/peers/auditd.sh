# auditd(8) with Debian's own auditd.conf and audit.rules, but for where the log goes, and one watch more: auditctl(8), "File System".
mkdir -p -m 700 /etc/koney-audit
sed "s|^log_file = .*|log_file = $2|" /etc/audit/auditd.conf > /etc/koney-audit/auditd.conf
chmod 600 /etc/koney-audit/auditd.conf
mkdir -p /etc/koney-audit/plugins.d
# The group that its configuration gives the log to.
grep -q '^adm:' /etc/group || echo 'adm:x:4:' >> /etc/group
auditd -n -c /etc/koney-audit &
daemon=$!
until auditctl -s | grep -q '^pid [1-9]'; do sleep 0.2; done
{ cat /etc/audit/rules.d/audit.rules; echo "-w $1 -p r -k koney"; } > /etc/koney-audit/audit.rules
auditctl -R /etc/koney-audit/audit.rules
trap 'auditctl -D; auditctl -e 0; kill $daemon' TERM
wait
