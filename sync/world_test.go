package sync_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/emulator"
	"assetsync/sync/state"
)

// world is one remote with a clock that moves by a second for each look at
// it, so that no two events are at one time.
type world struct {
	t      testing.TB
	server *emulator.Server
	now    time.Time
	step   time.Duration // by which the clock moves
	ids    int
	space  state.Space         // of web, and of a machine unless it has its own
	before func(*http.Request) // runs before each request of a machine

	together func(reads ...func()) // of the engines of the machines
}

func newWorld(t testing.TB, quirks ...string) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 6, 8, 12, 0, 0, 123e6, time.UTC), step: 1001 * time.Millisecond,
		space: state.Space{Endpoint: "embedded", Region: "local", AgentSpace: "sp-1"}, together: orders()[*readOrder],
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
	w.now = w.now.Add(w.step)
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

func (w *world) deleteAsset(id string) {
	w.t.Helper()
	if _, err := w.web().DeleteAsset(context.Background(), &remote.DeleteAssetInput{AgentSpaceId: &w.space.AgentSpace, AssetId: &id}); err != nil {
		w.t.Fatal(err)
	}
}

// createFile adds a file, or replaces it where the remote allows that.
func (w *world) createFile(id, path, content string) {
	w.t.Helper()
	_, err := w.web().CreateAssetFile(context.Background(), &remote.CreateAssetFileInput{
		AgentSpaceId: &w.space.AgentSpace, AssetId: &id, Path: &path, Content: &remote.AssetFileBodyMemberText{Value: content},
	})
	if err != nil {
		w.t.Fatal(err)
	}
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

// afterWrite runs f once, after the nth write of a machine was answered and
// before its next look.
func (w *world) afterWrite(n int, f func()) {
	writes := 0
	w.before = func(r *http.Request) {
		if r.Method != http.MethodGet {
			writes++
			return
		}
		if writes >= n {
			w.before = nil
			f()
		}
	}
}
