package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
)

// movedCommit takes away the first places of ten skills, which a commit before
// it has copied.
const movedCommit = "da5b21c"

// The configs of a replay: one entry for the skills at the top, one more for
// those that moved, and the name that one of them had.
const (
	replayTop = `endpoint: %s
agent_space: sp-1
targets:
  - path: '*'
    type: skill
    metadata: {agent_types: [GENERIC]}
  - path: eks-resilience-checker-skill-devops
    renamed_from: eks-resilience-checker
`
	replayMoved = replayTop + `  - path: 'devops-agent-cn-management/*'
    type: skill
    metadata: {agent_types: [GENERIC]}
`
)

// TestReplay publishes every commit of the real skills, one after the other,
// and asks git what each version has to hold. The remote is what one that
// published all along would have, with state and without.
func TestReplay(t *testing.T) {
	for name, fresh := range map[string]bool{"with state": false, "without state, a clone for each commit": true} {
		t.Run(name, func(t *testing.T) {
			r := newReplay(t)
			clone := r.clone(t)
			for _, commit := range r.commits {
				if fresh {
					clone = r.clone(t)
				}
				r.publish(t, clone, commit)
			}
			r.compare(t, clone)
			r.compareLog(t, clone)
		})
	}
}

// TestReplayOrphans leaves the config as it was when ten skills moved.
func TestReplayOrphans(t *testing.T) {
	r := newReplay(t)
	clone := r.clone(t)
	var said string
	for _, commit := range r.commits {
		if r.targets(t, commit, false) != nil {
			_, said = r.push(t, clone, "top.yaml", commit)
		}
	}
	if n := strings.Count(said, " was published before and is no target in git revision 375e1c1"); n != 10 {
		t.Errorf("%d orphans are told, want 10:\n%s", n, said)
	}
	if !strings.Contains(said, "note: china-incident-rca was published before") {
		t.Errorf("an orphan is not named:\n%s", said)
	}
}

// replay is a remote, and what git says that it has to hold.
type replay struct {
	origin  string // clone of the bundle
	url     string
	commits []string // oldest first
	refused []string // commit and skill that the service would not take
	want    map[string][]replayed
}

// replayed is one version of a skill.
type replayed struct {
	commit string // that made it
	tree   string // in published form
}

func newReplay(t *testing.T) *replay {
	t.Helper()
	bundle, err := filepath.Abs(realSkills)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(bundle); err != nil {
		t.Skip("no real skills beside the checkout")
	}
	r := &replay{origin: filepath.Join(t.TempDir(), "origin"), want: map[string][]replayed{}}
	gitIn(t, "", "clone", "-q", bundle, r.origin)
	r.commits = strings.Fields(gitIn(t, r.origin, "rev-list", "--reverse", "--first-parent", "--abbrev-commit", "--abbrev=7", "HEAD"))
	cmd, url, err := startEmulator(t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = (&process{cmd}).stop() }) // it holds nothing
	r.url = url
	return r
}

// gitIn runs git in a directory and returns what it prints, without white
// space around.
func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// clone makes a clone with both configs and no state.
func (r *replay) clone(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	gitIn(t, "", "clone", "-q", r.origin, dir)
	for name, text := range map[string]string{"top.yaml": replayTop, "moved.yaml": replayMoved} {
		if err := os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, text, r.url), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// targets returns the published trees of the skills in a commit by their
// places: at the top until they moved.
func (r *replay) targets(t *testing.T, commit string, moved bool) map[string]string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "checkout")
	gitIn(t, "", "clone", "-q", r.origin, dir)
	gitIn(t, dir, "checkout", "-q", commit)
	patterns := []string{"*/SKILL.md"}
	if moved {
		patterns = append(patterns, "devops-agent-cn-management/*/SKILL.md")
	}
	var trees map[string]string
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, main := range found {
			if trees == nil {
				trees = map[string]string{}
			}
			place, err := filepath.Rel(dir, filepath.Dir(main))
			if err != nil {
				t.Fatal(err)
			}
			trees[filepath.ToSlash(place)] = publishedTree(t, dir, filepath.ToSlash(place))
		}
	}
	return trees
}

// publishedTree lets git make the tree of a directory's files that no ignore
// file leaves out, all of mode 100644.
func publishedTree(t *testing.T, dir, place string) string {
	t.Helper()
	ignored := strings.Split(gitIn(t, dir, "ls-files", "-ci", "--exclude-standard", "--", place), "\n")
	cmd := exec.Command("git", "update-index", "--index-info")
	index := "GIT_INDEX_FILE=" + filepath.Join(t.TempDir(), "index")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), index)
	var lines []string
	for line := range strings.SplitSeq(gitIn(t, dir, "ls-tree", "-r", "HEAD", place+"/"), "\n") {
		head, name, _ := strings.Cut(line, "\t")
		if fields := strings.Fields(head); !slices.Contains(ignored, name) {
			lines = append(lines, fmt.Sprintf("100644 blob %s\t%s\n", fields[2], strings.TrimPrefix(name, place+"/")))
		}
	}
	cmd.Stdin = strings.NewReader(strings.Join(lines, ""))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git update-index: %v\n%s", err, out)
	}
	write := exec.Command("git", "write-tree")
	write.Dir, write.Env = dir, cmd.Env
	out, err := write.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// publish pushes a commit and notes what it has to have changed. A skill is
// known by the last part of its place, which a move keeps.
func (r *replay) publish(t *testing.T, clone, commit string) {
	t.Helper()
	moved := slices.Index(r.commits, commit) >= slices.Index(r.commits, movedCommit)
	trees := r.targets(t, commit, moved)
	if trees == nil {
		return
	}
	for place, tree := range trees {
		skill := filepath.Base(place)
		if had := r.want[skill]; len(had) == 0 || had[len(had)-1].tree != tree {
			r.want[skill] = append(had, replayed{commit, tree})
		}
	}
	config := map[bool]string{false: "top.yaml", true: "moved.yaml"}[moved]
	results, said := r.push(t, clone, config, commit)
	if len(results) != len(trees) {
		t.Errorf("commit %s: %d targets were pushed, want %d", commit, len(results), len(trees))
	}
	for _, res := range results {
		skill := filepath.Base(res.Target)
		want := r.want[skill]
		if len(res.Problems) > 0 && res.Outcome == assetsync.Blocked {
			r.refused = append(r.refused, commit+" "+skill+": "+string(res.Problems[0].Kind))
			r.want[skill] = slices.DeleteFunc(want, func(v replayed) bool { return v.commit == commit })
			continue
		}
		changed := want[len(want)-1].commit == commit
		if wrote := len(res.Versions) > 0; wrote != changed || len(res.Versions) > 1 {
			t.Errorf("commit %s: %s: %s, versions %v; want one: %v", commit, res.Target, res.Outcome, res.Versions, changed)
		}
	}
	if strings.Contains(said, "was published before") {
		t.Errorf("commit %s: a skill that moved is an orphan:\n%s", commit, said)
	}
}

func (r *replay) push(t *testing.T, clone, config, commit string) ([]assetsync.Result, string) {
	t.Helper()
	var envelope struct{ Targets []assetsync.Result }
	said := r.run(t, clone, &envelope, "push", "--atomic", "--rev", commit, "--config", config, "--json")
	return envelope.Targets, said
}

// run runs assetsync, reads what it prints into envelope and returns what it
// says to people.
func (r *replay) run(t *testing.T, dir string, envelope any, args ...string) string {
	t.Helper()
	cmd := exec.Command("assetsync", args...)
	var stdout, stderr strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "GORACE="+raceOptions, "AWS_EC2_METADATA_DISABLED=true")
	err := cmd.Run()
	if err == nil || cmd.ProcessState.ExitCode() == exitCode(assetsync.KindGuard) { // a blocked target is in what is printed
		err = json.Unmarshal([]byte(stdout.String()), envelope)
	}
	if err != nil {
		t.Fatalf("assetsync %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stderr.String()
}

// compare reads every version back and lets git name it.
func (r *replay) compare(t *testing.T, clone string) {
	t.Helper()
	refused := []string{
		"46e9d3d aws-wa-review-skill-devops: description-length",
		"fa0071f aws-wa-review-skill-devops: description-length",
	}
	if d := cmp.Diff(refused, r.refused); d != "" {
		t.Errorf("refused (-want +got):\n%s", d)
	}
	if len(r.want) < 12 {
		t.Errorf("%d skills were published, want 12", len(r.want))
	}
	for _, place := range r.places() {
		for i, want := range r.want[filepath.Base(place)] {
			out := filepath.Join(t.TempDir(), "version")
			var envelope struct{ Targets []assetsync.Result }
			r.run(t, clone, &envelope, "pull", place, "--version", fmt.Sprint(i+1), "--to", out, "--config", "moved.yaml", "--json")
			gitIn(t, out, "init", "-q")
			gitIn(t, out, "add", "-f", ".")
			if got := gitIn(t, out, "write-tree"); got != want.tree {
				t.Errorf("%s version %d is tree %s, want %s of commit %s", place, i+1, got, want.tree, want.commit)
			}
		}
	}
}

// places are where the skills lie in the end.
func (r *replay) places() (places []string) {
	for skill := range r.want {
		place := skill
		if !strings.HasSuffix(skill, "-devops") {
			place = "devops-agent-cn-management/" + skill
		}
		places = append(places, place)
	}
	return slices.Sorted(slices.Values(places))
}

// compareLog asks which commits the versions are.
func (r *replay) compareLog(t *testing.T, clone string) {
	t.Helper()
	var envelope struct {
		Targets []struct {
			Target string
			Log    []struct {
				Version int
				Commits []struct{ Commit string }
			}
		}
	}
	r.run(t, clone, &envelope, "log", "--config", "moved.yaml", "--json")
	got, want := map[string][]string{}, map[string][]string{}
	for _, target := range envelope.Targets {
		for _, v := range slices.Backward(target.Log) {
			var commits []string
			for _, c := range v.Commits {
				commits = append(commits, fmt.Sprintf("%.7s", c.Commit))
			}
			got[filepath.Base(target.Target)] = append(got[filepath.Base(target.Target)], fmt.Sprintf("v%d %v", v.Version, commits))
		}
	}
	for skill, versions := range maps.All(r.want) {
		for i, v := range versions {
			want[skill] = append(want[skill], fmt.Sprintf("v%d [%s]", i+1, v.commit))
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("log (-want +got):\n%s", d)
	}
}
