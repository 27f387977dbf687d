# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_koney_agent_global_optspecs
    string join \n log= log-format= h/help V/version
end

function __fish_koney_agent_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_koney_agent_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_koney_agent_using_subcommand
    set -l cmd (__fish_koney_agent_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c koney-agent -n "__fish_koney_agent_needs_command" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_needs_command" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_needs_command" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "run" -d 'Watch the honeytokens of a cluster\'s policies in this node\'s containers, or those of a folder of manifests on this host, and deliver alerts'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "probe" -d 'Say whether this kernel allows detection: attach, see a file of the agent\'s own being opened, and go away again'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "doctor" -d 'Say what this machine offers, what was tried, what will be used, what is missing and how to mend it'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "detach" -d 'Remove everything that agents have left in the kernel to keep watch while none runs. Stop the agent first'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "validate" -d 'Say what is wrong with manifests, before anybody applies them: by the code that the agent reads them with, and nothing is started'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "status" -d 'Show the agent of this node: what needs attention, its traps, its sinks, how accesses are seen, and the last of them'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "page" -d 'Print the address of the agent\'s page with the key to all of it: names of decoys are shown to nobody else. The key lasts as long as the agent'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "log" -d 'Have the agent of this node log from another level on, until it ends; without a level, say which is in force'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "sink" -d 'Look at one sink'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "deadletter" -d 'Alerts that their sinks will never take, which the agent of this node keeps'
complete -c koney-agent -n "__fish_koney_agent_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l manifests -d 'Folder of manifests (policies, sinks and Secrets), followed while the agent runs: instead of a cluster' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l kubeconfig -d 'How to reach the API server, where the agent is not in a pod with a service account' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l pods-from -d 'Whom to ask for the pods of this node: auto asks the kubelet, and the API server where the kubelet does not answer' -r -f -a "auto\t''
kubelet\t''
api\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l kubelet -d 'Address of this node\'s kubelet, with or without its port' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l kubelet-ca-file -d 'Certificates that the kubelet\'s must verify against, instead of the cluster\'s own' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l kubelet-token-file -d 'The token that the kubelet is shown, instead of the service account\'s' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l daemonset -d 'The DaemonSet that this agent is one of, in its own namespace: an agent that is told to stop when that is gone leaves nothing on its node' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l namespace -d 'The agent\'s namespace: sinks and Secrets of any other are ignored' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l node-name -d 'Name of this node in alerts; the host name where it is not given' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l pins -d 'Folder on a BPF file system below which the kernel programs are pinned, to keep watch while no agent runs; `none` to have them end with the agent' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l expected-reader -d 'Who may read decoys (a backup, a scanner): a program of the host, known by its file, or the pods of a namespace, all or those with these labels. What they read is logged and counted, not alerted. May be given several times, or separated by spaces. In a cluster the kubelet is one without being named' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l admin -d 'Where the page, /livez, /readyz and /metrics are served; `none` for nowhere' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l state -d 'The agent\'s own folder: alerts that wait, what the cluster said last, its socket; never a Secret. `none` to keep nothing: alerts that wait are then lost with the agent' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l attach -d 'How to attach to the kernel: auto takes the first of lsm, fentry and kprobe that is seen to fire, and for `run` the degraded fanotify where all are refused' -r -f -a "auto\t''
lsm\t''
fentry\t''
kprobe\t''
fanotify\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -l kernel-log -d 'Have the kernel programs log what they do (with --log debug); for diagnosis'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand run" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand probe" -l attach -d 'How to attach to the kernel: auto takes the first of lsm, fentry and kprobe that is seen to fire, and for `run` the degraded fanotify where all are refused' -r -f -a "auto\t''
lsm\t''
fentry\t''
kprobe\t''
fanotify\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand probe" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand probe" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand probe" -l kernel-log -d 'Have the kernel programs log what they do (with --log debug); for diagnosis'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand probe" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand probe" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand doctor" -l manifests -d 'Folder of manifests to look at as well' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand doctor" -l kubeconfig -d 'Cluster to look at as well; in a pod its own is' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand doctor" -l namespace -d 'The agent\'s namespace: sinks and Secrets of any other are ignored' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand doctor" -s o -l output -d 'Form of the answer' -r -f -a "text\t'A table for people'
json\t'One JSON object for programs'"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand doctor" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand doctor" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand detach" -l pins -d 'Folder on a BPF file system below which agents have pinned their programs' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand detach" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand detach" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand detach" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand detach" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand validate" -l namespace -d 'The agent\'s namespace: sinks and Secrets of any other are ignored there' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand validate" -s o -l output -d 'Form of the answer' -r -f -a "text\t'A table for people'
json\t'One JSON object for programs'"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand validate" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand validate" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand validate" -l strict -d 'Warnings count as errors'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand validate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand validate" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand status" -s o -l output -d 'Form of the answer. JSON has everything; the table has the worst and the latest' -r -f -a "text\t'A table for people'
json\t'One JSON object for programs'"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand status" -l policy -d 'Only traps and accesses of this policy, in the table' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand status" -l state -d 'The agent\'s own folder: alerts that wait, what the cluster said last, its socket; never a Secret. `none` to keep nothing: alerts that wait are then lost with the agent' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand status" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand status" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand status" -l problems -d 'Only what needs attention, in the table'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand status" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand page" -l state -d 'The agent\'s own folder: alerts that wait, what the cluster said last, its socket; never a Secret. `none` to keep nothing: alerts that wait are then lost with the agent' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand page" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand page" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand page" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand page" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand log" -l state -d 'The agent\'s own folder: alerts that wait, what the cluster said last, its socket; never a Secret. `none` to keep nothing: alerts that wait are then lost with the agent' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand log" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand log" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand log" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand log" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and not __fish_seen_subcommand_from test help" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and not __fish_seen_subcommand_from test help" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and not __fish_seen_subcommand_from test help" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and not __fish_seen_subcommand_from test help" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and not __fish_seen_subcommand_from test help" -f -a "test" -d 'Have the agent of this node send a test alert, marked as one, and say what the endpoint answered'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and not __fish_seen_subcommand_from test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and __fish_seen_subcommand_from test" -l state -d 'The agent\'s own folder: alerts that wait, what the cluster said last, its socket; never a Secret. `none` to keep nothing: alerts that wait are then lost with the agent' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and __fish_seen_subcommand_from test" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and __fish_seen_subcommand_from test" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and __fish_seen_subcommand_from test" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and __fish_seen_subcommand_from help" -f -a "test" -d 'Have the agent of this node send a test alert, marked as one, and say what the endpoint answered'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand sink; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and not __fish_seen_subcommand_from list show retry drop help" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and not __fish_seen_subcommand_from list show retry drop help" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and not __fish_seen_subcommand_from list show retry drop help" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and not __fish_seen_subcommand_from list show retry drop help" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and not __fish_seen_subcommand_from list show retry drop help" -f -a "list" -d 'List them, the oldest first'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and not __fish_seen_subcommand_from list show retry drop help" -f -a "show" -d 'Show one with its reason and what was sent'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and not __fish_seen_subcommand_from list show retry drop help" -f -a "retry" -d 'Have them sent again'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and not __fish_seen_subcommand_from list show retry drop help" -f -a "drop" -d 'Forget them'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and not __fish_seen_subcommand_from list show retry drop help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from list" -l sink -d 'Only those of this sink' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from list" -s o -l output -d 'Form of the answer' -r -f -a "text\t'A table for people'
json\t'One JSON object for programs'"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from list" -l state -d 'The agent\'s own folder: alerts that wait, what the cluster said last, its socket; never a Secret. `none` to keep nothing: alerts that wait are then lost with the agent' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from list" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from list" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from show" -l state -d 'The agent\'s own folder: alerts that wait, what the cluster said last, its socket; never a Secret. `none` to keep nothing: alerts that wait are then lost with the agent' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from show" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from show" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from retry" -l sink -d 'Only those of this sink' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from retry" -l state -d 'The agent\'s own folder: alerts that wait, what the cluster said last, its socket; never a Secret. `none` to keep nothing: alerts that wait are then lost with the agent' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from retry" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from retry" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from retry" -l all -d 'All of them'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from retry" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -l sink -d 'Only those of this sink' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -l state -d 'The agent\'s own folder: alerts that wait, what the cluster said last, its socket; never a Secret. `none` to keep nothing: alerts that wait are then lost with the agent' -r -F
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -l log -d 'Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -l log-format -d 'How the log is written: text for people, or json, one object a line, for programs' -r
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -l all -d 'All of them'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -s h -l help -d 'Print help'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from drop" -s V -l version -d 'Print version'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "list" -d 'List them, the oldest first'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one with its reason and what was sent'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Have them sent again'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "drop" -d 'Forget them'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand deadletter; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "run" -d 'Watch the honeytokens of a cluster\'s policies in this node\'s containers, or those of a folder of manifests on this host, and deliver alerts'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "probe" -d 'Say whether this kernel allows detection: attach, see a file of the agent\'s own being opened, and go away again'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "doctor" -d 'Say what this machine offers, what was tried, what will be used, what is missing and how to mend it'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "detach" -d 'Remove everything that agents have left in the kernel to keep watch while none runs. Stop the agent first'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "validate" -d 'Say what is wrong with manifests, before anybody applies them: by the code that the agent reads them with, and nothing is started'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "status" -d 'Show the agent of this node: what needs attention, its traps, its sinks, how accesses are seen, and the last of them'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "page" -d 'Print the address of the agent\'s page with the key to all of it: names of decoys are shown to nobody else. The key lasts as long as the agent'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "log" -d 'Have the agent of this node log from another level on, until it ends; without a level, say which is in force'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "sink" -d 'Look at one sink'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "deadletter" -d 'Alerts that their sinks will never take, which the agent of this node keeps'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and not __fish_seen_subcommand_from run probe doctor detach validate status page log sink deadletter help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and __fish_seen_subcommand_from sink" -f -a "test" -d 'Have the agent of this node send a test alert, marked as one, and say what the endpoint answered'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and __fish_seen_subcommand_from deadletter" -f -a "list" -d 'List them, the oldest first'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and __fish_seen_subcommand_from deadletter" -f -a "show" -d 'Show one with its reason and what was sent'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and __fish_seen_subcommand_from deadletter" -f -a "retry" -d 'Have them sent again'
complete -c koney-agent -n "__fish_koney_agent_using_subcommand help; and __fish_seen_subcommand_from deadletter" -f -a "drop" -d 'Forget them'
