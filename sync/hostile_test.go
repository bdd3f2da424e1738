package sync_test

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/aws"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// attack is what a hostile remote answers of one asset. Reply returns false to
// let the honest answer through.
type attack struct {
	name  string
	reply func(h *hostile, w http.ResponseWriter, r *http.Request, honest []byte) bool
	// says is in the error of every verb but those in takes, which note it or
	// do not meet it.
	says    string
	takes   string
	timeout time.Duration // for a call; 0: hostileTimeout
	late    string        // the one of the late verbs that meets it, for what takes seconds; "": all do
}

// hostile is a server on loopback that is honest but for one asset, whose
// answers it changes.
type hostile struct {
	*httptest.Server
	asset   string
	timeout time.Duration
	sent    atomic.Int64 // bytes that the client took of an endless answer
}

// operations, by what the wire has of them.
func isContent(r *http.Request) bool          { return strings.HasSuffix(r.URL.Path, "/content") }
func isListing(r *http.Request) bool          { return strings.HasSuffix(r.URL.Path, "/files") }
func isFile(r *http.Request) bool             { return strings.Contains(r.URL.Path, "/files/") }
func isVersions(r *http.Request) bool         { return strings.HasSuffix(r.URL.Path, "/versions") }
func isAsset(r *http.Request, id string) bool { return strings.HasSuffix(r.URL.Path, "/"+id) }

func write(w http.ResponseWriter, body []byte) bool {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // whether the client takes it is its choice
	return true
}

// contentOf answers with another zip.
func contentOf(zipped func() []byte) func(*hostile, http.ResponseWriter, *http.Request, []byte) bool {
	return func(_ *hostile, w http.ResponseWriter, r *http.Request, honest []byte) bool {
		if !isContent(r) {
			return false
		}
		before, rest, ok := bytes.Cut(honest, []byte(`"zipFile":"`))
		_, after, _ := bytes.Cut(rest, []byte(`"`))
		if !ok {
			return false
		}
		return write(w, slicesJoin(before, []byte(`"zipFile":"`+base64.StdEncoding.EncodeToString(zipped())+`"`), after))
	}
}

func slicesJoin(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// listed puts further files into the listing, and answers for each of them.
func listed(names ...string) func(*hostile, http.ResponseWriter, *http.Request, []byte) bool {
	return func(_ *hostile, w http.ResponseWriter, r *http.Request, honest []byte) bool {
		switch {
		case isListing(r):
			return write(w, listMore(honest, names...))
		case isContent(r): // as a service that has such files may
			w.WriteHeader(http.StatusBadRequest)
			return write(w, []byte(`{"__type":"ValidationException","message":"the names are odd"}`))
		}
		for _, name := range names {
			if isFile(r) && strings.HasSuffix(r.URL.Path, "/files/"+name) {
				return write(w, oddFile(name, "evil"))
			}
		}
		return false
	}
}

// every answers every reading of the asset alike.
func every(f func(h *hostile, w http.ResponseWriter, r *http.Request, honest []byte)) func(*hostile, http.ResponseWriter, *http.Request, []byte) bool {
	return func(h *hostile, w http.ResponseWriter, r *http.Request, honest []byte) bool {
		f(h, w, r, honest)
		return true
	}
}

// replace changes text in the honest answers that take.
func replace(take func(*http.Request, string) bool, old, now string) func(*hostile, http.ResponseWriter, *http.Request, []byte) bool {
	return func(h *hostile, w http.ResponseWriter, r *http.Request, honest []byte) bool {
		return take(r, h.asset) && write(w, bytes.Replace(honest, []byte(old), []byte(now), 1))
	}
}

// zipOf makes a zip whose entries may be anything.
func zipOf(entries ...*zip.FileHeader) func() []byte {
	return func() []byte {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		for _, h := range entries {
			content := []byte("evil")
			h.CompressedSize64, h.UncompressedSize64 = uint64(len(content)), uint64(len(content))
			if h.CRC32 == 0 {
				h.CRC32 = crc32.ChecksumIEEE(content)
			}
			raw, err := w.CreateRaw(h)
			if err == nil {
				_, err = raw.Write(content)
			}
			if err != nil {
				panic(err)
			}
		}
		if err := w.Close(); err != nil {
			panic(err)
		}
		return buf.Bytes()
	}
}

func named(names ...string) func() []byte {
	var entries []*zip.FileHeader
	for _, n := range names {
		entries = append(entries, &zip.FileHeader{Name: n})
	}
	return zipOf(entries...)
}

func withMode(name string, mode fs.FileMode) func() []byte {
	h := &zip.FileHeader{Name: name}
	h.SetMode(mode)
	return zipOf(h)
}

// bomb is a zip of 300 MiB of NULs.
func bomb() []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create("SKILL.md")
	zeros := make([]byte, 1<<20)
	for range 300 {
		if err == nil {
			_, err = f.Write(zeros)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// manyEntries is a central directory of a million entries, each as short as it
// can be, which all name one local header.
func manyEntries() []byte {
	const n = 1_000_000
	local := "PK\x03\x04" + strings.Repeat("\x00", 22) + "\x01\x00\x00\x00a"
	var buf bytes.Buffer
	buf.WriteString(local)
	at := buf.Len()
	entry := "PK\x01\x02" + strings.Repeat("\x00", 24) + "\x01\x00" + strings.Repeat("\x00", 16) + "a"
	for range n {
		buf.WriteString(entry)
	}
	size := buf.Len() - at
	end := []byte("PK\x05\x06" + strings.Repeat("\x00", 18))
	binary.LittleEndian.PutUint16(end[8:], 0xffff)
	binary.LittleEndian.PutUint16(end[10:], 0xffff)
	binary.LittleEndian.PutUint32(end[12:], uint32(size))
	binary.LittleEndian.PutUint32(end[16:], uint32(at))
	buf.Write(end)
	return buf.Bytes()
}

// endless sends up to a gigabyte, until the client has enough of it.
func endless(begin, unit string) func(*hostile, http.ResponseWriter, *http.Request, []byte) bool {
	return every(func(h *hostile, w http.ResponseWriter, _ *http.Request, _ []byte) {
		stream(wire{w, h}, begin, unit)
	})
}

func stream(w io.Writer, begin, unit string) {
	chunk := []byte(strings.Repeat(unit, 1<<16/len(unit)))
	_, err := io.WriteString(w, begin)
	for sent := 0; err == nil && sent < 1<<30; {
		var n int
		n, err = w.Write(chunk)
		sent += n
	}
}

// wire counts what the client takes. Of a packed answer that is the packed bytes:
// how far the server is ahead with packing says nothing of the client.
type wire struct {
	io.Writer
	h *hostile
}

// Write implements [io.Writer].
func (w wire) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.h.sent.Add(int64(n))
	return n, err
}

func attacks() []attack {
	const refused = "read zip"
	bombed, many := bomb(), manyEntries() // no handler is to take its time over them
	zips := "fetch, log, log -p"          // a version that cannot be read is a note
	return []attack{
		{"zip with a slip", contentOf(named("SKILL.md", "../../evil.md")), `".." segment`, zips, 0, ""},
		{"zip with an absolute name", contentOf(named("/etc/evil.md")), "is absolute", zips, 0, ""},
		{"zip with a backslash", contentOf(named(`..\evil.md`)), "backslash", zips, 0, ""},
		{"zip with a link", contentOf(withMode("a.md", fs.ModeSymlink|0o777)), "is no regular file", zips, 0, ""},
		{"zip with a device", contentOf(withMode("a.md", fs.ModeDevice|0o600)), "is no regular file", zips, 0, ""},
		{"zip with a device name", contentOf(named("references/NUL.md")), "names a device", zips, 0, ""},
		{"zip with a wrong checksum", contentOf(zipOf(&zip.FileHeader{Name: "a.md", CRC32: 1})), "is damaged", zips, 0, ""},
		{"zip with a before a/b", contentOf(named("a", "a/b")), "is a file, and a directory", zips, 0, ""},
		{"zip with one name twice", contentOf(named("a.md", "a.md")), "occurs twice", zips, 0, ""},
		{"zip not in UTF-8", contentOf(named("a\xff.md")), "not valid UTF-8", zips, 0, ""},
		{"zip with a bomb", contentOf(func() []byte { return bombed }), "larger than 268435456 bytes", zips, 0, "show a file"},
		{"zip with a million entries", contentOf(func() []byte { return many }), "more than 10000 entries", zips, 0, "plan"},
		{"zip cut off", contentOf(func() []byte { z := named("a.md")(); return z[:len(z)-8] }), refused, zips, 0, ""},
		{"zip that is none", contentOf(func() []byte { return []byte("no zip") }), refused, zips, 0, ""},

		{"listing with dots", listed("../../evil.md", "..", "a/../../evil.md"), "", "", 0, ""},
		{"listing with .git/config", listed(".git/config", ".git/hooks/pre-commit", ".assetsync/state.db", ".gitignore"), "", "", 0, ""},
		{"listing with case twins", listed("A.md", "REFERENCES/x.md", "references/x.md"), "", "", 0, ""},
		{"listing with a beside a/b", listed("x", "x/y", "a.md/z"), "", "", 0, ""},
		{"listing with devices", listed("CON", "nul.md", "aux/x.md"), "", "", 0, ""},
		{"listing with odd text", listed("/etc/passwd", "a\\b", "\x1b[2J.md", "\u202egnp.md", strings.Repeat("x", 5000)), "", "", 0, ""},
		{"listing that loops", replace(func(r *http.Request, _ string) bool { return isListing(r) }, `{"items":`, `{"nextToken":"again","items":`), "listing does not end", zips, 0, ""},
		{"versions that loop", replace(func(r *http.Request, _ string) bool { return isVersions(r) }, `{"items":`, `{"nextToken":"again","items":`), "listing does not end", "status, push, pull, diff, plan, verify, show, show a file, set-metadata", 0, ""},
		{"listing of a million files", func(h *hostile, w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if !isListing(r) {
				return false
			}
			var at int
			_, _ = fmt.Sscanf(r.URL.Query().Get("nextToken"), "t%d", &at) // none: the first page
			var b strings.Builder
			fmt.Fprintf(&b, `{"nextToken":"t%d","items":[`, at+1)
			for i := range 10_000 {
				fmt.Fprintf(&b, `{"path":"references/%d-%d.md","version":1},`, at, i)
			}
			return write(w, []byte(strings.TrimSuffix(b.String(), ",")+"]}"))
		}, "names of its files are larger than", zips, 0, "verify"},

		{"version that went back", func(h *hostile, w http.ResponseWriter, r *http.Request, honest []byte) bool {
			return isAsset(r, h.asset) && r.URL.Query().Get("assetVersion") == "" && write(w, bytes.Replace(honest, []byte(`"version":3`), []byte(`"version":1`), 1))
		}, "at version 1, but was at version 2 before", "status, fetch, log, diff, plan, verify, show, show a file, log -p, clone, set-metadata", 0, ""},
		{"version below 1", replace(isAsset, `"version":3`, `"version":-3`), "version -3 is below 1", "log, fetch, log -p", 0, ""},
		{"another version than was asked for", replace(func(r *http.Request, _ string) bool { return isContent(r) }, `"version":3`, `"version":7`), "version", zips, 0, ""},
		{"metadata of 10 MB", replace(isAsset, `"metadata":{`, `"metadata":{"filler":"`+strings.Repeat("x", 10<<20)+`",`), "", "", 0, "log -p"},
		{"metadata of 20 MB", replace(isAsset, `"metadata":{`, `"metadata":{"filler":"`+strings.Repeat("x", 20<<20)+`",`), "a document of 2097", "log, fetch, log -p", 0, "set-metadata"},
		{"metadata nested deeply", replace(isAsset, `"metadata":{`, `"metadata":{"filler":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)+`,`), "exceeded max depth", "log, fetch, log -p", 0, ""},
		{"answer not in UTF-8", replace(isAsset, `"metadata":{`, "\"metadata\":{\"filler\":\"\xff\xfe\","), "not valid UTF-8", "log, fetch, log -p", 0, ""},
		{"answer of null", every(func(_ *hostile, w http.ResponseWriter, _ *http.Request, _ []byte) { write(w, []byte("null")) }), "want an object, got null", "", 0, ""},
		{"answer of a gigabyte", endless(`{"filler":"`, "x"), "more than 67108864 bytes", "", 0, ""},
		{"error of a gigabyte", every(func(h *hostile, w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.WriteHeader(http.StatusForbidden)
			stream(wire{w, h}, `{"message":"`, "\x1b]0;x\x07")
		}), "more than 67108864 bytes", "", 0, ""},
		{"answer that unpacks to a gigabyte", every(func(h *hostile, w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Content-Encoding", "gzip")
			packed, err := gzip.NewWriterLevel(wire{w, h}, gzip.BestSpeed)
			if err == nil {
				stream(packed, `{"filler":"`, "x")
			}
		}), "more than 67108864 bytes", "", 0, ""},
		{"error that paints the terminal", every(func(_ *hostile, w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.WriteHeader(http.StatusForbidden)
			write(w, []byte(`{"__type":"AccessDeniedException","message":"\u001b[2J\u001b]0;pwned\u0007\r\nassetsync: done\u202e"}`))
		}), "AccessDenied", "", 0, ""},
		{"redirect", every(func(_ *hostile, w http.ResponseWriter, r *http.Request, _ []byte) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}), "307", "", 0, ""},
		{"answer byte by byte", every(func(_ *hostile, w http.ResponseWriter, r *http.Request, _ []byte) {
			w.WriteHeader(http.StatusOK)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ") // until the client has gone
				_ = http.NewResponseController(w).Flush()
				pause(r, 20*time.Millisecond)
			}
		}), "deadline exceeded", "", time.Second, "show"},
		{"no answer", every(func(_ *hostile, w http.ResponseWriter, r *http.Request, _ []byte) { pause(r, time.Hour) }), "deadline exceeded", "", time.Second, "clone"},
		{"connection that breaks", every(func(_ *hostile, w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"asset":`) // the rest never comes
			panic(http.ErrAbortHandler)
		}), "EOF", "", 0, ""},
	}
}

func pause(r *http.Request, d time.Duration) {
	select {
	case <-r.Context().Done():
	case <-time.After(d):
	}
}

func newHostile(t *testing.T, w *world, asset string, a attack) *hostile {
	h := &hostile{asset: asset, timeout: cmp.Or(a.timeout, hostileTimeout)}
	var honestly sync.Mutex // the world is one caller's at a time
	h.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked := r.Clone(r.Context())
		query := asked.URL.Query()
		query.Del("nextToken") // which the attacks make up
		asked.URL.RawQuery = query.Encode()
		honest := httptest.NewRecorder()
		honestly.Lock()
		w.server.ServeHTTP(honest, asked)
		honestly.Unlock()
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/"+asset) && a.reply(h, rw, r, honest.Body.Bytes()) {
			return
		}
		maps.Copy(rw.Header(), honest.Header())
		rw.WriteHeader(honest.Code)
		_, _ = rw.Write(honest.Body.Bytes())
	}))
	t.Cleanup(func() { h.CloseClientConnections(); h.Close() })
	return h
}

// run runs one verb for the attacked and for another target, side by side on
// one state, as a command does, through the transport that talks to AWS.
func (h *hostile) run(t *testing.T, ms [2]*machine, verb func(context.Context, *assetsync.Engine) assetsync.Result) (res [2]assetsync.Result) {
	t.Helper()
	db, err := state.Open(filepath.Join(ms[0].state, "state.db"), state.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	history, err := gitrepo.OpenHistory(filepath.Join(ms[0].state, "history.git"))
	if err != nil {
		t.Fatal(err)
	}
	defer history.Close()
	transport, err := aws.New(t.Context(), aws.Options{
		Endpoint: h.URL, Anonymous: true, Clock: time.Now, Limiter: aws.NewLimiter(10_000, 10_000),
		Timeout: h.timeout, AttemptTimeout: h.timeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	assets := assetsync.NewDirectory(ms[0].space.AgentSpace)
	var wg sync.WaitGroup
	for i, m := range ms {
		client, err := remote.NewClient(remote.Options{Endpoint: transport.Endpoint(), HTTPClient: transport})
		if err != nil {
			t.Fatal(err)
		}
		e, err := assetsync.New(assetsync.Options{
			Target: m.target, Space: m.space, Client: client, Calls: func() map[string]int { return nil }, Assets: assets,
			State: db, History: history, Conflicts: filepath.Join(ms[0].state, "conflicts"), Now: time.Now, Rand: rand.Reader, DoubtWait: time.Millisecond,
			Sleep: func(context.Context, time.Duration) error { return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { res[i] = verb(t.Context(), e) })
	}
	wg.Wait()
	return res
}

// hostileTimeout is for one call with its attempts. Honest answers take
// milliseconds, and a gigabyte on loopback as long as it takes to read 64 MiB.
const hostileTimeout = 20 * time.Second

// outside is what lies around the directories of the targets.
func outside(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, name)
		switch {
		case err != nil:
			return err
		case rel == ".assetsync":
			return fs.SkipDir
		case d.IsDir():
			found[rel] = "directory"
			return nil
		}
		data, err := os.ReadFile(name)
		found[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// hostileVerb is what a user may run against a hostile remote.
type hostileVerb struct {
	name string
	run  func(context.Context, *assetsync.Engine) assetsync.Result
}

func verbs() []hostileVerb {
	return []hostileVerb{
		{"status", func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Status(ctx) }},
		{"diff", func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			_, res := e.Revision(ctx, assetsync.Revision{Kind: assetsync.RemoteRevision})
			return res
		}},
		{"log", func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			_, res := e.Log(ctx, assetsync.LogOptions{Limit: 10})
			return res
		}},
		{"fetch", func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			_, res := e.Fetch(ctx, 0)
			return res
		}},
		{"push", func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			return e.Push(ctx, assetsync.PushOptions{})
		}},
		{"pull", func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			return e.Pull(ctx, assetsync.PullOptions{})
		}},
	}
}

// lateVerbs are the others, which read what those in verbs read. An attack that takes
// seconds, of reading or of waiting, is met by one of them.
func lateVerbs() []hostileVerb {
	return []hostileVerb{
		{"plan", func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			_, res := e.Plan(ctx, assetsync.PushOptions{})
			return res
		}},
		{"verify", func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Verify(ctx, nil) }},
		{"show", func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			_, res := e.Show(ctx, 0)
			return res
		}},
		{"show a file", func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			_, res := e.Files(ctx, 0)
			return res
		}},
		{"log -p", func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			_, res := e.Log(ctx, assetsync.LogOptions{Limit: 10, Contents: true})
			return res
		}},
		{cloneVerb, func(ctx context.Context, e *assetsync.Engine) assetsync.Result { // as assetsync clone does it
			if res := e.Pull(ctx, assetsync.PullOptions{}); res.Error != nil {
				return res
			}
			_, res := e.Fetch(ctx, 0)
			return res
		}},
		{"set-metadata", func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
			return e.SetMetadata(ctx, assetsync.SetMetadataOptions{Values: map[string]any{"status": "INACTIVE"}})
		}},
	}
}

// cloneVerb is run in directories that hold nothing, with a state of their own.
const cloneVerb = "clone"

// cloned are both targets as a clone begins with them.
func (w *world) cloned(ms [2]*machine) [2]*machine {
	w.t.Helper()
	root := w.t.TempDir()
	for i, m := range ms {
		c := *m
		c.state, c.dir = filepath.Join(root, ".assetsync"), filepath.Join(root, filepath.Base(m.dir))
		c.target.Path, c.target.ConfigDir = c.dir, root
		if err := os.Mkdir(c.dir, 0o755); err != nil {
			w.t.Fatal(err)
		}
		ms[i] = &c
	}
	return ms
}

// raced says that the race detector is on.
const raced = assetsync.Raced

// TestHostileRemote meets each attack with each verb, or of the late ones with one
// where that takes seconds: nothing outside of the targets is touched, what is read
// has an end, the error says what, of which asset and what to do, and another target
// goes on.
func TestHostileRemote(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes gigabytes of work of it")
	}
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			w := newWorld(t)
			ms, id, honest := hostileWorld(t, w)
			h := newHostile(t, w, id, a)
			for _, v := range verbs() {
				t.Run(v.name, func(t *testing.T) { h.meet(t, a, v, ms, honest) })
			}
			for _, v := range lateVerbs() {
				if a.late != "" && a.late != v.name {
					continue
				}
				at := ms
				if v.name == cloneVerb {
					at = w.cloned(ms)
				}
				t.Run(v.name, func(t *testing.T) { h.meet(t, a, v, at, honest) })
			}
		})
	}
}

func (h *hostile) meet(t *testing.T, a attack, v hostileVerb, ms [2]*machine, honest map[string]string) {
	root := filepath.Dir(ms[0].dir)
	before := outside(t, root)
	h.sent.Store(0)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	allocated, start := memory.TotalAlloc, time.Now()
	res := h.run(t, ms, v.run)
	if d := time.Since(start); d > 5*time.Minute {
		t.Errorf("took %s", d)
	}
	runtime.ReadMemStats(&memory)
	// A bomb is unpacked up to 256 MiB, for which a buffer grows.
	if n := (memory.TotalAlloc - allocated) >> 20; n > 2500 {
		t.Errorf("%d MiB were allocated", n)
	}
	if n := h.sent.Load(); n > 1<<29 {
		t.Errorf("the client took %d MiB", n>>20)
	}
	wantHostileResult(t, a, v.name, h.asset, res[0])
	if res[1].Error != nil || len(res[1].Problems) > 0 {
		t.Errorf("the other target: %s", describe(res[1]))
	}
	var mayChange []string
	switch {
	case v.name == cloneVerb:
		mayChange = []string{"demo", "other"}
	case v.name == "pull" && (a.says == "" || a.isTaken(v.name)):
		mayChange = []string{"demo"}
	}
	wantOnlyTargets(t, root, before, mayChange, honest)
}

// hostileWorld makes two targets with a record each, of which others have
// changed files since: all verbs have to read.
func hostileWorld(t *testing.T, w *world) (ms [2]*machine, id string, honest map[string]string) {
	t.Helper()
	m := w.machine(skill(fiveFiles))
	root := filepath.Dir(m.dir)
	if err := os.WriteFile(filepath.Join(root, "evil.md"), []byte("was here before"), 0o600); err != nil {
		t.Fatal(err)
	}
	id = m.mustPush(assetsync.Created).AssetID
	m.target.AssetID = id
	m.write("a.md", "second")
	m.mustPush(assetsync.Published)
	other := w.machine(nil)
	other.dir, other.state = filepath.Join(root, "other"), m.state
	other.target.Name, other.target.Path, other.target.ConfigDir = "other", other.dir, root
	for p, text := range skill(map[string]string{"a.md": "a", "SKILL.md": strings.Replace(skillMain, "name: demo", "name: other", 1)}) {
		other.write(p, text)
	}
	other.target.AssetID = other.mustPush(assetsync.Created).AssetID
	other.write("a.md", "changed here")
	// One version that changes more files than are read one by one.
	files := map[string]string{}
	for _, p := range []string{"b.md", "c.md", "d.md", "e.md"} {
		files[p] = "theirs"
	}
	w.saveAll(id, files)
	m.write("a.md", "ours")
	return [2]*machine{m, other}, id, files
}

// saveAll makes one version with several files changed, as a zip does.
func (w *world) saveAll(id string, files map[string]string) {
	w.t.Helper()
	all := w.live(id, 0)
	maps.Copy(all, files)
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for p, text := range all {
		f, err := zw.Create(p)
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		w.t.Fatal(err)
	}
	_, err := w.web().UpdateAsset(context.Background(), &remote.UpdateAssetInput{
		AgentSpaceId: &w.space.AgentSpace, AssetId: &id, Content: &remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: buf.Bytes()}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func wantHostileResult(t *testing.T, a attack, verb, id string, res assetsync.Result) {
	t.Helper()
	said := describe(res)
	if len(said) > 20_000 {
		t.Errorf("%d bytes are said", len(said))
	}
	if strings.ContainsAny(said, "\x1b\x07\r\u202e") {
		t.Errorf("control characters are said: %q", said)
	}
	if a.says == "" || a.isTaken(verb) {
		// What a verification finds is what it is for, and a plan has guards that
		// only speak.
		found := verb == "verify" && res.Error != nil && res.Error.Kind == assetsync.KindUnusable
		stopped := verb == "plan" && res.Error != nil && res.Error.Kind == assetsync.KindConflict
		if res.Error != nil && !found && !stopped {
			t.Errorf("%s", said)
		}
		return
	}
	if res.Error == nil {
		t.Fatalf("no error: %s", said)
	}
	if !strings.Contains(res.Error.Message, a.says) {
		t.Errorf("error %q, want %q in it", res.Error.Message, a.says)
	}
	if !strings.Contains(res.Error.Message, id) && !strings.Contains(res.Error.Message, "the asset") {
		t.Errorf("error %q does not name the asset", res.Error.Message)
	}
	if res.Error.Hint == "" {
		t.Errorf("error %q has no hint", res.Error.Message)
	}
}

// isTaken reports whether a verb notes the attack, or does not meet it.
func (a attack) isTaken(verb string) bool { return slices.Contains(strings.Split(a.takes, ", "), verb) }

// wantOnlyTargets wants nothing changed but by a pull that took what it could,
// in the targets that may have been.
func wantOnlyTargets(t *testing.T, root string, before map[string]string, mayChange []string, honest map[string]string) {
	t.Helper()
	after := outside(t, root)
	for name := range maps.Clone(after) {
		dir, inside, _ := strings.Cut(name, string(filepath.Separator))
		if !slices.Contains(mayChange, dir) {
			continue
		}
		if part := strings.ToLower(inside); strings.HasPrefix(part, ".git"+string(filepath.Separator)) || strings.Contains(part, ".assetsync") {
			t.Errorf("%s was written", name)
		}
		delete(after, name)
		delete(before, name)
	}
	if len(mayChange) > 0 {
		for p := range honest {
			delete(before, filepath.Join("demo", p))
		}
	}
	if d := gocmp.Diff(before, after); d != "" {
		t.Errorf("files (-before +after):\n%s", d)
	}
}
