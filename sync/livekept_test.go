package sync_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest/gitrepo"
	assetsync "assetsync/sync"
)

// finding finds what is live through a cache, and returns that as it is kept then.
func (m *machine) finding(cache []byte, res assetsync.Result) (assetsync.LiveCommit, []byte) {
	m.t.Helper()
	repo, err := gitrepo.FindWorktree(m.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	kept := assetsync.NewLiveCache(cache, "a build")
	f := assetsync.NewLiveFinder(repo, kept)
	live, err := f.Find(m.t.Context(), "prod", m.target, res)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		m.t.Fatal(err)
	}
	if data, changed := kept.Bytes(); changed {
		cache = data
	}
	live.Tree = ""
	return live, cache
}

// TestLiveCache holds each answer that is kept to the one that git gives.
func TestLiveCache(t *testing.T) {
	w := newWorld(t)
	dev := w.repository(skill(map[string]string{"a.md": "a1"}))
	id := dev.clone().push(assetsync.PushOptions{}).AssetID
	var cache []byte
	step := func(name string, isKept bool) {
		t.Helper()
		res := dev.status()
		before := string(cache)
		var got assetsync.LiveCommit
		got, cache = dev.finding(cache, res)
		if d := cmp.Diff(dev.liveOf(res), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if (before == string(cache)) != isKept {
			t.Errorf("%s: the answer was kept: %t, want %t", name, !isKept, isKept)
		}
	}
	step("nothing is kept", false)
	step("nothing moved", true)
	dev.commit("another directory")
	step("HEAD moved", false)
	dev.write("a.md", "not committed")
	step("the directory has no say", true)
	dev.git("checkout", "-q", ".")
	w.save(id, "a.md", "a2")
	step("another tree is live, of no commit", false)
	step("that none has it is an answer, too", true)
	dev.write("a.md", "a2")
	dev.commit("second")
	step("HEAD has it now", false)
	dev.target.Rev = "HEAD~1"
	step("a revision with steps is asked for each time", true)
	dev.target.Rev = dev.git("rev-parse", "HEAD~1")
	step("another revision", false)
	dev.target.Rev = ""
	step("each revision has an answer of its own", true)
	dev.target.Ignore = []string{"a.md"}
	step("other rules", false)
	dev.target.Ignore = nil
	step("the rules as they were", false)
	for name, damaged := range map[string][]byte{
		"a byte":    append([]byte{cache[0] ^ 1}, cache[1:]...),
		"cut short": cache[:len(cache)-1],
		"nothing":   {},
	} {
		if _, again := dev.finding(damaged, dev.status()); string(again) == string(damaged) {
			t.Errorf("%s: a damaged cache is believed", name)
		}
	}
	if _, changed := assetsync.NewLiveCache(cache, "another build").Bytes(); changed {
		t.Error("a cache that nobody asked has changed")
	}
}

// TestLiveCacheReadsNothing finds a kept answer without the objects of git.
func TestLiveCacheReadsNothing(t *testing.T) {
	w := newWorld(t)
	dev := w.repository(skill(map[string]string{"a.md": "a1"}))
	dev.clone().push(assetsync.PushOptions{})
	res := dev.status()
	want, cache := dev.finding(nil, res)
	objects := filepath.Join(dev.git("rev-parse", "--absolute-git-dir"), "objects")
	if err := os.Rename(objects, objects+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(objects, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, _ := dev.finding(cache, res); want.Commit == "" || got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestLiveCacheHostile has a cache that somebody else has made: what it names is
// shown to people, so it is a commit or nothing.
func TestLiveCacheHostile(t *testing.T) {
	w := newWorld(t)
	dev := w.repository(skill(map[string]string{"a.md": "a1"}))
	dev.clone().push(assetsync.PushOptions{})
	res := dev.status()
	want, cache := dev.finding(nil, res)
	body := cache[:len(cache)-sha256.Size]
	if bytes.Count(body, []byte(want.Commit)) == 0 {
		t.Fatalf("the cache does not hold %s", want.Commit)
	}
	body = bytes.ReplaceAll(body, []byte(want.Commit), []byte("\x1b[2Jgone"+want.Commit[8:]))
	sum := sha256.Sum256(body)
	if got, _ := dev.finding(append(body, sum[:]...), res); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestLiveCacheOfACutHistory asks anew once more of the history is there.
func TestLiveCacheOfACutHistory(t *testing.T) {
	w := newWorld(t)
	dev := w.repository(skill(map[string]string{"a.md": "a1"}))
	first := dev.git("rev-parse", "HEAD")
	dev.clone().push(assetsync.PushOptions{})
	dev.write("a.md", "a2")
	head := dev.commit("second")
	res := dev.status()
	shallow := dev.clone("--depth=1")
	live, cache := shallow.finding(nil, res)
	if want := (assetsync.LiveCommit{Cut: true}); live != want {
		t.Errorf("%+v, want %+v", live, want)
	}
	shallow.git("fetch", "-q", "--unshallow")
	if shallow.git("rev-parse", "HEAD") != head {
		t.Fatal("HEAD moved")
	}
	live, _ = shallow.finding(cache, res)
	if want := (assetsync.LiveCommit{Commit: first, Newest: first, Ahead: 1}); live != want {
		t.Errorf("%+v, want %+v", live, want)
	}
}
