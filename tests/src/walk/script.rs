//! Blocks to one bash script, so that what one block changes (folder, files) is there for the next.

use std::fmt::Write as _;

use super::{Block, How, Run};

/// What every walk needs: waiting for a text with a deadline, and ending whatever was left running.
const HEAD: &str = r#"set -euo pipefail
left=() outputs=()
await() {
    local text=$1 output
    shift
    for _ in $(seq 1200); do
        for output in "$@"; do
            if grep -qF -- "$text" "$output"; then return; fi
        done
        sleep 0.1
    done
    echo "walk: nothing has printed: $text"
    return 1
}
stop() {
    local group
    for group in ${left[@]+"${left[@]}"}; do
        # Not INT: where whoever started this ignores it, so do all of these.
        kill -TERM -- "-$group" 2>/dev/null || true
        wait "$group" || true
    done
    left=() outputs=()
}
ended() {
    local status=$?
    trap - EXIT
    if [ "$status" != 0 ]; then
        echo "walk: failed with status $status at $place"
        tail -n 50 "$WALK"/*.out
    fi
    stop
    exit "$status"
}
trap ended EXIT
"#;

/// The script of these blocks. It leaves each block's output in `$WALK/NUMBER.out`, and prints the place of each block before it.
#[must_use]
pub fn script(blocks: &[Block]) -> String {
    let mut script = HEAD.to_owned();
    for (number, block) in blocks.iter().enumerate() {
        let output = format!("\"$WALK\"/{number}.out");
        // A string takes whatever is written to it.
        let _written = match &block.how {
            How::Run(run) => {
                let _written = writeln!(script, "place='{0}'; echo \"walk: $place\"", block.place);
                run_to_its_end(&mut script, run, &block.commands, &output)
            }
            How::Leave(text) => writeln!(
                script,
                "place='{}'; echo \"walk: $place\"\n: > {output}\nset -m\n{{\n{}}} > {output} 2>&1 &\nset +m\nleft+=($!) \
                 outputs+=({output})\nawait {} {output}",
                block.place,
                block.commands,
                word(text)
            ),
            How::Cluster | How::Not(_) => Ok(()),
        };
    }
    script
}

fn run_to_its_end(script: &mut String, run: &Run, commands: &str, output: &str) -> std::fmt::Result {
    if run.stop {
        writeln!(script, "stop")?;
    }
    if run.or_one {
        writeln!(script, "set +e\n{{\n{commands}}} > {output} 2>&1\nstatus=$?\nset -e\n[ \"$status\" -le 1 ]")?;
    } else {
        writeln!(script, "{{\n{commands}}} > {output} 2>&1")?;
    }
    if let Some(text) = &run.prints {
        writeln!(script, "await {} {output}", word(text))?;
    }
    if let Some(text) = &run.shows {
        writeln!(script, "await {} \"${{outputs[@]}}\"", word(text))?;
    }
    Ok(())
}

/// A text as one word of the shell.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{
        super::{Block, How, Run},
        *,
    };

    fn walk(steps: Vec<(&str, How)>) -> (bool, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let block = |(at, (commands, how)): (usize, (&str, How))| Block {
            place: format!("block {at}"),
            commands: format!("{commands}\n"),
            how,
        };
        let blocks: Vec<_> = steps.into_iter().enumerate().map(block).collect();
        let mut bash = Command::new("bash");
        bash.arg("-c").arg(script(&blocks)).env("WALK", folder.path()).current_dir(folder.path());
        let output = bash.output().expect("bash runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn run(run: Run) -> How {
        How::Run(run)
    }

    #[test]
    fn blocks_are_one_shell_and_terminals_run_beside_it() {
        let shows = Run { shows: Some("it's 2".to_owned()), ..Run::default() };
        let prints = Run { prints: Some("ended".to_owned()), stop: true, ..Run::default() };
        let terminal = "trap 'echo ended > ../said; exit' TERM\necho ready\nwhile [ ! -e go ]; do sleep 0.1; done\necho \"it's 2\"\nsleep 60";
        let (fine, said) = walk(vec![
            ("mkdir a; cd a; name=go", run(Run::default())),
            (terminal, How::Leave("ready".to_owned())),
            ("touch $name", run(shows)),
            ("false", How::Not("why not".to_owned())),
            ("cat ../said", run(prints)),
            ("(exit 1)", run(Run { or_one: true, ..Run::default() })),
        ]);
        assert!(fine, "{said}");
        assert_eq!(said.lines().filter(|line| line.starts_with("walk: block")).count(), 5);
    }

    #[test]
    fn what_fails_is_named_with_what_it_printed() {
        let (fine, said) = walk(vec![("echo so; false; echo never", run(Run::default())), ("true", run(Run::default()))]);
        assert!(!fine);
        assert!(said.contains("failed with status 1 at block 0") && said.contains("so") && !said.contains("never"), "{said}");
        let (fine, said) = walk(vec![("(exit 2)", run(Run { or_one: true, ..Run::default() }))]);
        assert!(!fine, "{said}");
    }
}
