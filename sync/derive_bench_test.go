package sync_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

// BenchmarkWithoutState looks at a target of 20 files which each of 10,000
// commits has changed, without state: the last commit is published, the asset
// is as it was near the end, near the beginning, or as nobody ever had it.
func BenchmarkWithoutState(b *testing.B) {
	const commits = 10_000
	for name, live := range map[string]int{"published lately": commits - 3, "published long ago": 3, "nobody's": -1} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			dev := w.machine(nil)
			dev.write("SKILL.md", skillMain)
			dev.git("init", "-q", "-b", "main")
			var s strings.Builder
			for i := range commits {
				fmt.Fprintf(&s, "commit refs/heads/main\ncommitter c <c@localhost> %d +0000\ndata 1\nx\n", w.now.Unix()-int64(commits-i))
				file := func(name, content string) {
					fmt.Fprintf(&s, "M 100644 inline %s\ndata %d\n%s\n", name, len(content), content)
				}
				if i == 0 {
					file("SKILL.md", skillMain)
				}
				for f := range 18 {
					if i == 0 || i%18 == f {
						file(fmt.Sprintf("ref/%d/f%d.md", f%3, f), strings.Repeat(fmt.Sprint(i, " "), 100))
					}
				}
				file("a.md", content(i))
			}
			cmd := exec.Command("git", "fast-import", "--quiet")
			cmd.Dir, cmd.Stdin, cmd.Env = dev.dir, strings.NewReader(s.String()), append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull)
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			dev.git("checkout", "-q", "-f", fmt.Sprintf("HEAD~%d", commits-1-max(live, 0)))
			id := dev.push(assetsync.PushOptions{}).AssetID
			if live < 0 {
				w.save(id, "a.md", "theirs")
			}
			dev.git("checkout", "-q", "-f", "main")
			for b.Loop() {
				runner := *dev
				runner.state = b.TempDir()
				res := runner.push(assetsync.PushOptions{DryRun: true})
				if want := live >= 0; (res.Outcome == assetsync.Planned) != want {
					b.Fatalf("%s\n%s", res.Outcome, describe(res))
				}
			}
		})
	}
}

func content(i int) string { return fmt.Sprint("content ", i) }
