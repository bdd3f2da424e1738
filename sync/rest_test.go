package sync_test

import (
	"net/http"
	"path/filepath"
	"testing"

	assetsync "assetsync/sync"
)

// restingInGit is a target in a repository that is in step at an endpoint where one
// listing stands for it, in a run in which git was found quiet.
func restingInGit(t *testing.T) (*machine, string) {
	t.Helper()
	m := newWorld(t).repository(skill(map[string]string{"a.md": "a"}))
	m.listed = true
	m.tell(raising...)
	id := m.mustPush(assetsync.Created).AssetID
	m.looks = assetsync.NewGitLooks()
	m.mustPush(assetsync.Unchanged)
	return m, id
}

// TestGitWhileOthersAreScanned lets git be at work between the scan of a target and
// the look that it shares with the targets that are scanned after it.
func TestGitWhileOthersAreScanned(t *testing.T) {
	tests := map[string]struct {
		meanwhile func(*machine)
		want      assetsync.Outcome
		live      string // what a.md is in the end
	}{
		"nothing": {func(*machine) {}, assetsync.Unchanged, "a"},
		"a merge begins": {
			func(m *machine) { m.write(".git/MERGE_HEAD", "") }, assetsync.Blocked, "a",
		},
		"a commit changes the file": {func(m *machine) {
			m.write("a.md", "committed")
			m.git("commit", "-qam", "second")
		}, assetsync.Published, "committed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, id := restingInGit(t)
			rests := 0
			m.rest = func(wait func()) {
				if wait(); rests == 0 {
					tt.meanwhile(m)
				}
				rests++
			}
			res := m.push(assetsync.PushOptions{})
			if res.Outcome != tt.want || (res.Guard == assetsync.GuardGit) != (tt.want == assetsync.Blocked) || rests != 1 {
				t.Errorf("%s after %d rests, want %s after one\n%s", res.Outcome, rests, tt.want, describe(res))
			}
			m.world.wantFile(id, "a.md", tt.live)
		})
	}
}

// TestWritesDoNotRest wants a target that has something to write to go on at once.
func TestWritesDoNotRest(t *testing.T) {
	m, _ := restingInGit(t)
	m.write("a.md", "edited")
	m.rest = func(func()) { t.Error("it rests") }
	m.mustPush(assetsync.Published)
}

// TestGitBeforeMetadata lets git begin after the last look at it of a target that
// rested, because its files did not change, and has metadata to write.
func TestGitBeforeMetadata(t *testing.T) {
	m, _ := restingInGit(t)
	m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}}
	m.fault("op=ListAssets,kind=500") // so that it is asked again after that look
	m.rest = func(wait func()) {
		wait()
		m.world.before = func(*http.Request) {
			m.world.before = nil
			m.write(".git/MERGE_HEAD", "")
		}
	}
	if res := m.push(assetsync.PushOptions{}); res.Guard != assetsync.GuardGit {
		t.Errorf("want the git guard\n%s", describe(res))
	}
}

// TestGitTookTheTarget tells that git is at work where that is why a target is not
// there, also when another target of the run has found git quiet before.
func TestGitTookTheTarget(t *testing.T) {
	m := newWorld(t).repository(skill(nil))
	m.looks = assetsync.NewGitLooks()
	m.mustPush(assetsync.Created)
	m.write(".git/MERGE_HEAD", "")
	m.target.Name, m.target.Path = "other", filepath.Join(m.dir, "other")
	if res := m.push(assetsync.PushOptions{}); res.Guard != assetsync.GuardGit {
		t.Errorf("want the git guard\n%s", describe(res))
	}
}

// TestListedWhileOthersAreScanned counts the listings that are begun before they are
// needed: one where it will be, also when it fails; none where it will not be.
func TestListedWhileOthersAreScanned(t *testing.T) {
	tests := map[string]struct {
		answers []string
		change  func(m *machine)
		fault   string
		want    int // listings
		ahead   int // those of them that were asked for while the target rested
	}{
		"rests":                      {raising, func(*machine) {}, "", 1, 1},
		"it fails":                   {raising, func(*machine) {}, "op=ListAssets,kind=500", 2, 1},
		"nothing is known":           {nil, func(*machine) {}, "", 0, 0},
		"something changed here":     {raising, func(m *machine) { m.write("a.md", "here\n") }, "", 0, 0},
		"one listing does not stand": {raising, func(m *machine) { m.listed = false }, "", 0, 0},
	}
	verbs := map[string]func(*machine) assetsync.Result{
		"push":   func(m *machine) assetsync.Result { return m.push(assetsync.PushOptions{}) },
		"status": func(m *machine) assetsync.Result { return m.status() },
	}
	for name, tt := range tests {
		for verb, run := range verbs {
			t.Run(name+" "+verb, func(t *testing.T) {
				m, _ := resting(t, tt.answers)
				m.mustPush(assetsync.Unchanged)
				tt.change(m)
				if tt.fault != "" {
					m.fault(tt.fault)
				}
				ahead, rested := 0, false
				m.rest = func(wait func()) {
					before := m.calls["ListAssets"]
					if wait(); !rested {
						ahead, rested = m.calls["ListAssets"]-before, true
					}
				}
				res := run(m)
				if res.Error != nil {
					t.Fatal(describe(res))
				}
				if got := res.Calls["ListAssets"]; got != tt.want || ahead != tt.ahead {
					t.Errorf("%d listings, %d of them ahead, want %d and %d", got, ahead, tt.want, tt.ahead)
				}
			})
		}
	}
}
