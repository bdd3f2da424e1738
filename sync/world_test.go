package sync_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/emulator"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// world is one remote with a clock that moves by a second for each look at
// it, so that no two events are at one time.
type world struct {
	t      *testing.T
	server *emulator.Server
	now    time.Time
	ids    int
	space  state.Space
	before func(*http.Request) // runs before each request of a machine
}

func newWorld(t *testing.T, quirks ...string) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 6, 8, 12, 0, 0, 123e6, time.UTC),
		space: state.Space{Endpoint: "embedded", Region: "local", AgentSpace: "sp-1"},
	}
	opts := emulator.Options{Path: filepath.Join(t.TempDir(), "emulator.db"), Exclusive: true, Clock: w.clock, NewID: w.newID}
	for _, q := range quirks {
		if err := opts.Quirks.ParseQuirk(q); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if w.server, err = emulator.New(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) clock() time.Time {
	w.now = w.now.Add(1001 * time.Millisecond)
	return w.now
}

func (w *world) newID() string {
	w.ids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", w.ids)
}

// Do lets a client of a machine speak to the remote.
func (w *world) Do(r *http.Request) (*http.Response, error) {
	if before := w.before; before != nil {
		before(r)
	}
	return (&http.Client{Transport: emulator.RoundTripper(w.server)}).Do(r)
}

func (w *world) fault(rule string) {
	w.t.Helper()
	f, err := emulator.ParseFault(rule)
	if err == nil {
		err = w.server.Inject(f)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// writes returns the operations that changed the remote since the last call
// of it.
func (w *world) writes(since int) []string {
	w.t.Helper()
	log, err := w.server.Log()
	if err != nil {
		w.t.Fatal(err)
	}
	var ops []string
	for _, e := range log[since:] {
		op := e.Operation
		if e.Path != "" {
			op += " " + e.Path
		}
		ops = append(ops, op)
	}
	return ops
}

func (w *world) wrote() int {
	w.t.Helper()
	log, err := w.server.Log()
	if err != nil {
		w.t.Fatal(err)
	}
	return len(log)
}

// web is somebody in the web app: a client that no state knows.
func (w *world) web() *remote.Client {
	w.t.Helper()
	c, err := remote.NewClient(remote.Options{Endpoint: "http://embedded", HTTPClient: &http.Client{Transport: emulator.RoundTripper(w.server)}})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// save is an edit of one file in the web app.
func (w *world) save(id, path, content string) {
	w.t.Helper()
	_, err := w.web().UpdateAsset(context.Background(), &remote.UpdateAssetInput{
		AgentSpaceId: &w.space.AgentSpace, AssetId: &id,
		Content: &remote.AssetContentMemberFile{Value: remote.AssetFileContent{Path: &path, Body: &remote.AssetFileBodyMemberText{Value: content}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(id, path string) {
	w.t.Helper()
	_, err := w.web().DeleteAssetFile(context.Background(), &remote.DeleteAssetFileInput{AgentSpaceId: &w.space.AgentSpace, AssetId: &id, Path: &path})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) setMetadata(id string, metadata map[string]any) {
	w.t.Helper()
	doc, err := remote.NewDocument(metadata)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.web().UpdateAsset(context.Background(), &remote.UpdateAssetInput{AgentSpaceId: &w.space.AgentSpace, AssetId: &id, Metadata: doc})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) asset(id string) *remote.Asset {
	w.t.Helper()
	out, err := w.web().GetAsset(context.Background(), &remote.GetAssetInput{AgentSpaceId: &w.space.AgentSpace, AssetId: &id})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Asset
}

// live returns the files of a version; 0 is the newest.
func (w *world) live(id string, version int32) map[string]string {
	w.t.Helper()
	in := &remote.GetAssetContentInput{AgentSpaceId: &w.space.AgentSpace, AssetId: &id}
	if version > 0 {
		in.AssetVersion = &version
	}
	out, err := w.web().GetAssetContent(context.Background(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	bundle, err := manifest.ReadZip(out.Content.ZipFile, manifest.ZipLimits{})
	if err != nil {
		w.t.Fatal(err)
	}
	files := map[string]string{}
	for p, data := range bundle.Files() {
		files[string(p)] = string(data)
	}
	return files
}

func (w *world) wantLive(id string, want map[string]string) {
	w.t.Helper()
	if got := w.live(id, 0); !maps.Equal(got, want) {
		w.t.Errorf("live content (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// machine is a directory with a state of its own.
type machine struct {
	*world
	dir, state string
	target     assetsync.Target
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
	m := &machine{world: w, dir: filepath.Join(root, "demo"), state: filepath.Join(root, ".assetsync")}
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
	calls := map[string]int{}
	client, err := remote.NewClient(remote.Options{
		Endpoint: "http://embedded", HTTPClient: do,
		OnCall: func(op string, _ error) { calls[op]++ },
	})
	if err != nil {
		m.t.Fatal(err)
	}
	e, err := assetsync.New(assetsync.Options{
		Target: m.target, Space: m.space, Client: client, Calls: func() map[string]int { return calls },
		Assets: assetsync.NewDirectory(m.space.AgentSpace), State: db, History: history,
		Conflicts: filepath.Join(m.state, "conflicts"),
		Now:       m.clock, Rand: rand.Reader, DoubtWait: time.Minute,
		Sleep: func(_ context.Context, d time.Duration) error { m.now = m.now.Add(d); return nil },
	})
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

// wantQuiet wants the next push and pull to find nothing to do.
func (m *machine) wantQuiet() {
	m.t.Helper()
	before := m.wrote()
	res := m.push(assetsync.PushOptions{})
	if res.Outcome != assetsync.Unchanged || m.wrote() != before {
		m.t.Fatalf("a push with nothing to do: %s, %d writes\n%s", res.Outcome, m.wrote()-before, describe(res))
	}
}

func describe(res assetsync.Result) string {
	var b bytes.Buffer
	if res.Error != nil {
		fmt.Fprintf(&b, "error %s: %s\n", res.Error.Kind, res.Error.Message)
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

var errKilled = errors.New("killed")

// pushAndDie pushes with a process that dies at its nth call, before or after
// its effect: the goroutine ends inside the transport, so that neither a call
// nor a write of the state comes after it. It reports whether the push came
// that far.
func (m *machine) pushAndDie(n int, after bool) bool {
	m.t.Helper()
	calls, dead := 0, false
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		if calls++; calls != n {
			return m.world.Do(r)
		}
		dead = true
		if after {
			if _, err := m.world.Do(r); err != nil {
				m.t.Error(err)
			}
		}
		runtime.Goexit()
		panic("a goroutine went on after its end")
	}, func(e *assetsync.Engine) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			e.Push(m.t.Context(), assetsync.PushOptions{})
		}()
		<-ended
	})
	return dead
}

func (w *world) deleteAsset(id string) {
	w.t.Helper()
	if _, err := w.web().DeleteAsset(context.Background(), &remote.DeleteAssetInput{AgentSpaceId: &w.space.AgentSpace, AssetId: &id}); err != nil {
		w.t.Fatal(err)
	}
}

func (m *machine) wantQuietWith(consent assetsync.Consent) {
	m.t.Helper()
	before := m.wrote()
	if res := m.push(assetsync.PushOptions{Consent: consent}); res.Outcome != assetsync.Unchanged || m.wrote() != before {
		m.t.Fatalf("a push with nothing to do: %s, %d writes\n%s", res.Outcome, m.wrote()-before, describe(res))
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

// beforeWrite runs f once, just before the next write of a machine.
func (w *world) beforeWrite(f func()) {
	w.before = func(r *http.Request) {
		if r.Method != http.MethodGet {
			w.before = nil
			f()
		}
	}
}
