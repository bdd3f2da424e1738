package sync_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"assetsync/manifest/durable"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// machine is a directory with a state of its own.
type machine struct {
	*world
	space      state.Space
	dir, state string
	target     assetsync.Target
	env        string               // its name; "" for none
	from       *assetsync.Promotion // what is published in the place of dir
	listed     bool                 // one listing may stand for a look
	looks      *assetsync.GitLooks  // shared with others; nil: not
	repo       *gitrepo.Worktree    // as looks know it
	rest       func(wait func())    // how it waits for others; nil: it does not
	calls      map[string]int       // of the engine that is at work, or was last
	disk       func(dir string) durable.Hook
	slow       time.Duration // what a call takes, of synctest's time
}

const skillMain = "---\nname: demo\ndescription: " +
	"Look at the backlog of a queue when its workers fall behind, and find out which of them is stuck and why that is.\n---\n# Demo\n"

func skill(files map[string]string) map[string]string {
	out := maps.Clone(files)
	if out == nil {
		out = map[string]string{}
	}
	if out["SKILL.md"] == "" {
		out["SKILL.md"] = skillMain
	}
	return out
}

func (w *world) machine(files map[string]string) *machine {
	w.t.Helper()
	root := w.t.TempDir()
	m := &machine{world: w, space: w.space, dir: filepath.Join(root, "demo"), state: filepath.Join(root, ".assetsync")}
	m.target = assetsync.Target{
		Name: "demo", Path: m.dir, ConfigDir: root, Type: "skill",
		Metadata:     map[string]any{"agent_types": []any{"GENERIC"}},
		MaxFileCalls: 3, MaxDeletes: 10, MaxDeletePercent: 25,
	}
	for p, content := range files {
		m.write(p, content)
	}
	return m
}

func (m *machine) write(path, content string) {
	m.t.Helper()
	name := filepath.Join(m.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) rm(path string) {
	m.t.Helper()
	if err := os.Remove(filepath.Join(m.dir, filepath.FromSlash(path))); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) files() map[string]string {
	m.t.Helper()
	files := map[string]string{}
	if _, err := os.Stat(m.dir); errors.Is(err, fs.ErrNotExist) {
		return files
	}
	err := filepath.WalkDir(m.dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(m.dir, name)
		files[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return files
}

// engine runs verb with an engine whose state is opened for it alone, as a
// process does.
func (m *machine) engine(verb func(*assetsync.Engine)) {
	m.t.Helper()
	m.engineWith(m.Do, verb)
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func (m *machine) engineWith(do doer, verb func(*assetsync.Engine)) {
	m.t.Helper()
	db, err := state.Open(filepath.Join(m.state, "state.db"), state.Owner{})
	if err != nil {
		m.t.Fatal(err)
	}
	history, err := gitrepo.OpenHistory(filepath.Join(m.state, "history.git"))
	if err != nil {
		m.t.Fatal(err)
	}
	var one sync.Mutex // call at a time
	calls := map[string]int{}
	m.calls = calls
	client, err := remote.NewClient(remote.Options{
		Endpoint: "http://embedded", HTTPClient: doer(func(r *http.Request) (*http.Response, error) {
			time.Sleep(m.slow)
			one.Lock()
			defer one.Unlock()
			return do(r)
		}),
		OnCall: func(op string, _ error) {
			one.Lock()
			defer one.Unlock()
			calls[op]++
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	if m.looks == nil || m.repo == nil {
		if m.repo, err = gitrepo.FindWorktree(m.dir); err != nil {
			m.t.Fatal(err)
		}
	}
	o := assetsync.Options{
		Repo: m.repo, Target: m.target, Space: m.space, EnvName: m.env, From: m.from, Client: client, Calls: func() map[string]int { return calls },
		Assets: assetsync.NewDirectory(m.space.AgentSpace), State: db, History: history,
		Conflicts: filepath.Join(m.state, "conflicts"), Disk: m.disk,
		Listed: m.listed, Rest: m.rest, Looks: m.looks, Together: m.together, Now: m.clock, Rand: rand.Reader, DoubtWait: time.Minute,
		Sleep: func(_ context.Context, d time.Duration) error { m.now = m.now.Add(d); return nil },
	}
	m.configure(&o)
	e, err := assetsync.New(o)
	if err != nil {
		m.t.Fatal(err)
	}
	verb(e)
	if err := errors.Join(history.Close(), db.Close()); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) push(o assetsync.PushOptions) (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { res = e.Push(m.t.Context(), o) })
	return res
}

func (m *machine) pull(o assetsync.PullOptions) (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { res = e.Pull(m.t.Context(), o) })
	return res
}

func (m *machine) status() (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { res = e.Status(m.t.Context()) })
	return res
}

// mustPush pushes and wants an outcome.
func (m *machine) mustPush(want assetsync.Outcome) assetsync.Result {
	m.t.Helper()
	res := m.push(assetsync.PushOptions{})
	m.want(res, want)
	return res
}

func (m *machine) mustPull(want assetsync.Outcome) assetsync.Result {
	m.t.Helper()
	res := m.pull(assetsync.PullOptions{})
	m.want(res, want)
	return res
}

func (m *machine) want(res assetsync.Result, want assetsync.Outcome) {
	m.t.Helper()
	if res.Outcome != want {
		m.t.Fatalf("outcome %s, want %s\n%s", res.Outcome, want, describe(res))
	}
}

// wantQuiet wants the next push to find nothing to do.
func (m *machine) wantQuiet() {
	m.t.Helper()
	m.wantQuietWith(assetsync.Consent{})
}

func (m *machine) wantQuietWith(consent assetsync.Consent) {
	m.t.Helper()
	before := m.wrote()
	if res := m.push(assetsync.PushOptions{Consent: consent}); res.Outcome != assetsync.Unchanged || m.wrote() != before {
		m.t.Fatalf("a push with nothing to do: %s, %d writes\n%s", res.Outcome, m.wrote()-before, describe(res))
	}
}

// mortalPush pushes, or goes both ways as the target does, with a process that do may kill by runtime.Goexit: the
// goroutine ends inside the transport, so that neither a call nor a write of
// the state comes after it. It reports whether the process lived on.
func (m *machine) mortalPush(do doer) (res assetsync.Result, alive bool) {
	m.t.Helper()
	m.engineWith(do, func(e *assetsync.Engine) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if m.target.Direction == assetsync.BothWays {
				res = e.Sync(m.t.Context(), assetsync.SyncOptions{})
			} else {
				res = e.Push(m.t.Context(), assetsync.PushOptions{})
			}
			alive = true
		}()
		<-ended
	})
	return res, alive
}

// pushAndDie pushes with a process that dies at its nth call, before or after
// its effect. It reports whether the push came that far.
func (m *machine) pushAndDie(n int, after bool) bool {
	m.t.Helper()
	calls := 0
	_, alive := m.mortalPush(func(r *http.Request) (*http.Response, error) {
		if calls++; calls != n {
			return m.world.Do(r)
		}
		if after {
			m.doLast(r)
		}
		runtime.Goexit()
		panic("a goroutine went on after its end")
	})
	return !alive
}

// dieAfterWrite pushes with a process that dies once its nth write had its
// effect; before runs just before that write.
func (m *machine) dieAfterWrite(n int, before func()) {
	m.t.Helper()
	writes := 0
	_, alive := m.mortalPush(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet {
			return m.world.Do(r)
		}
		if writes++; writes != n {
			return m.world.Do(r)
		}
		before()
		m.doLast(r)
		runtime.Goexit()
		panic("a goroutine went on after its end")
	})
	if alive {
		m.t.Fatalf("the push made %d writes and did not die after write %d", writes, n)
	}
}

// doLast makes a call whose answer nobody hears.
func (m *machine) doLast(r *http.Request) {
	if _, err := m.world.Do(r); err != nil {
		m.t.Error(err)
	}
}

func describe(res assetsync.Result) string {
	var b bytes.Buffer
	if res.Error != nil {
		fmt.Fprintf(&b, "error %s: %s\n", res.Error.Kind, res.Error.Message)
	}
	if len(res.MetadataChanges) > 0 {
		fmt.Fprintf(&b, "metadata %v\n", res.MetadataChanges)
	}
	fmt.Fprintf(&b, "changes %v\npending %v\nconflicts %v\nproblems %v\nnotes %v\n", res.Changes, res.Pending, res.Conflicts, res.Problems, res.Notes)
	return b.String()
}

func paths(changes []assetsync.ChangeReport) string {
	var out []string
	for _, c := range changes {
		out = append(out, c.Action+" "+string(c.Path))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

var fiveFiles = map[string]string{"a.md": "a", "b.md": "b", "c.md": "c", "d.md": "d", "e.md": "e"}

// changeFour changes all of fiveFiles but b.md: more than file calls are for.
func changeFour(m *machine) {
	for _, p := range []string{"a.md", "c.md", "d.md", "e.md"} {
		m.write(p, "ours")
	}
}

func writeAll(m *machine, files map[string]string) {
	for p, content := range files {
		m.write(p, content)
	}
}

// random returns bytes that do not deflate.
func random(n int) string {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	return string(b)
}
