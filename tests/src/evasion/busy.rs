//! A busy machine that touches no decoy.

use anyhow::Result;
use koney_agent::kernel::Method;

use super::{
    attach::Attach,
    scenario::{Scenario, play},
    trial::{Trial, text},
};
use crate::container::{Place, Spawn};

pub(super) const ALL: &[Scenario] = &[Scenario::new(
    "F1",
    "no false alert: 1,000 traps while the machine packs, unpacks, compiles, and walks its files",
    play!(busy),
)];

/// For so many seconds, at least once: packs and unpacks, compiles if there is a compiler, walks `/`, and makes files of nearly the decoys' names.
const SCRIPT: &str = r#"
set -e
cd "$1"
mkdir source
i=0
while [ $i -lt 200 ]; do
    echo "int f$i(int x) { return x + $i; }" > source/f$i.c
    echo "$i" > source/token-$i.txt
    echo "$i" > source/Token-$i
    i=$((i+1))
done
end=$(($(date +%s) + $2))
while :; do
    tar -czf archive.tar.gz source
    mkdir unpacked
    tar -xzf archive.tar.gz -C unpacked
    if command -v tcc >/dev/null; then
        for file in unpacked/source/f1*.c; do tcc -nostdlib -c "$file" -o unpacked/object.o; done
    fi
    grep -r "return x + 7" unpacked > /dev/null
    find / -xdev -type f -name '*.c' > found
    find / -xdev -path /proc -prune -o -path /sys -prune -o -type d -print > /dev/null
    for file in unpacked/source/token-1*.txt; do
        cp "$file" unpacked/token-7.bak
        mv unpacked/token-7.bak unpacked/mytoken-7
        ln -f unpacked/mytoken-7 unpacked/token-7.lnk
        cat unpacked/token-7.lnk > /dev/null
        chmod 600 unpacked/mytoken-7
    done
    rm -r unpacked
    [ "$(date +%s)" -lt "$end" ] || break
done
echo done
read end
"#;

async fn busy(t: &mut Trial) -> Result<()> {
    const TRAPS: usize = 1_000;
    super::crowd::many(t, TRAPS).await?;
    let work = t.dir("work")?;
    // The method that an agent would choose has a minute of it, the others a taste.
    let seconds = if t.attach == Attach::Ebpf(Method::Lsm) { "60" } else { "0" };
    let mut machine = Spawn::program(["sh", "-c", SCRIPT, "sh", &text(work), seconds]).on_host()?;
    let told = t.meanwhile(&mut machine).await?;
    t.compare("a busy machine", [], told);
    t.nothing_dropped();
    let (first, place) = (t.text("many/token-0"), Place::Host);
    let reader = t.host(&["read", &first]).await?;
    let told = t.scene().told().await;
    let right = told.iter().any(|told| told.path == first && told.pid == Some(reader.pid));
    if !right || told.len() != 1 || t.scene().state(&place, &first) != "armed" {
        t.wrong(format!("and yet it keeps watch: {told:?}"));
    }
    t.account("an access after it", 1, told.len() as u64, 0);
    Ok(())
}
