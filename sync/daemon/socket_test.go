package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// soon is how long a test waits for what must come on a busy machine.
const soon = 20 * time.Second

// eventually waits until ok reports true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, soon)
		}
	}
}

// socketPath is a path that is short enough on every system.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// socketRig is a daemon in real time that serves a socket until the test ends.
type socketRig struct {
	*rig
	path   string
	served chan error
}

func newSocketRig(t *testing.T, names ...string) *socketRig {
	t.Helper()
	r := &socketRig{newRig(t), socketPath(t), make(chan error, 1)}
	for _, name := range names {
		r.add(name)
	}
	l, err := Listen(r.path)
	if err != nil {
		t.Fatal(err)
	}
	go func() { r.ended <- r.d.Run(context.Background()) }()
	go func() { r.served <- r.d.Serve(context.Background(), l) }()
	t.Cleanup(r.finish)
	for _, name := range names {
		eventually(t, "the watch of "+name, func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.watches[name]) == 1
		})
		r.watches[name][0].send(watcher.Batch{Why: watcher.Started})
	}
	r.inStep()
	return r
}

// finish ends the daemon and waits for it.
func (r *socketRig) finish() {
	r.d.Stop()
	for what, c := range map[string]chan error{"Run": r.ended, "Serve": r.served} {
		select {
		case err := <-c:
			if err != nil {
				r.Errorf("%s: %v", what, err)
			}
			c <- nil // for who waits again
		case <-time.After(soon):
			r.Errorf("%s does not end", what)
		}
	}
	if _, err := os.Lstat(r.path); !errors.Is(err, os.ErrNotExist) {
		r.Errorf("the socket is left: %v", err)
	}
}

func (r *socketRig) inStep() {
	r.Helper()
	eventually(r.T, "all is in step", func() bool {
		for _, v := range r.d.Views() {
			if v.State != InStep {
				return false
			}
		}
		return len(r.d.Views()) > 0
	})
}

func (r *socketRig) client(waiting func(string)) *Client { return NewClient(r.path, waiting) }

func (r *socketRig) ask(args ...string) Ask {
	return Ask{Args: args, Cwd: string(filepath.Separator), Fingerprint: "fp"}
}

// send writes bytes to a socket and returns the answer's status and lines.
func send(t *testing.T, path, text string) (int, []answer) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	// A server that has heard enough closes while there is more to come.
	wrote := make(chan struct{})
	go func() { defer close(wrote); _, _ = io.WriteString(conn, text) }()
	defer func() { conn.Close(); <-wrote }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	var lines []answer
	for dec := json.NewDecoder(resp.Body); resp.StatusCode == http.StatusOK; {
		var a answer
		if err := dec.Decode(&a); err != nil {
			t.Fatalf("answer ends early after %+v: %v", lines, err)
		}
		if lines = append(lines, a); a.Done {
			break
		}
	}
	return resp.StatusCode, lines
}

func post(path, body string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: daemon\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

func TestControl(t *testing.T) {
	r := newSocketRig(t, "a", "b")
	ctx, c := context.Background(), r.client(nil)

	h, err := c.Health(ctx)
	if err != nil || h.PID != os.Getpid() || len(h.Targets) != 2 || h.Summary != "2 in step" {
		t.Errorf("health %+v, %v", h, err)
	}
	found, err := c.Status(ctx, r.ask("b"))
	if err != nil || len(found.Results) != 1 || found.Results[0].Target != "b" || found.Results[0].Outcome != assetsync.Unchanged {
		t.Errorf("status %+v, %v", found, err)
	}
	r.change("a")
	results, _, err := c.Push(ctx, r.ask(), assetsync.PushOptions{})
	if err != nil || len(results) != 2 || results[0].Outcome != assetsync.Published || results[1].Outcome != assetsync.Unchanged {
		t.Errorf("push %+v, %v", results, err)
	}
	contents, results, _, err := c.Revisions(ctx, r.ask("a"), "base", "2")
	if err != nil || len(results) != 1 || len(contents["a"]) != 2 || string(contents["a"][1].Files["SKILL.md"]) != "2" {
		t.Errorf("revisions %v %+v, %v", contents, results, err)
	}
	if names, err := c.Commit(ctx, r.ask()); err != nil || len(names) != 0 { // none of them publishes commits
		t.Errorf("commit %q, %v", names, err)
	}
	names, err := c.Pause(ctx, r.ask("a"))
	if err != nil || len(names) != 1 || names[0] != "a" {
		t.Errorf("pause %q, %v", names, err)
	}
	eventually(t, "a is paused", func() bool { return r.d.Views()[0].State == Paused })
	if names, err = c.Resume(ctx, r.ask()); err != nil || len(names) != 2 {
		t.Errorf("resume %q, %v", names, err)
	}
	r.inStep()
	if _, err := c.call(ctx, "reload", request{}); err != nil {
		t.Errorf("reload: %v", err)
	}
	eventually(t, "the config is read again", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.loads) == 2 })
	_, err = c.Status(ctx, Ask{Args: []string{"nobody"}, Fingerprint: "fp"})
	if e := (*assetsync.Error)(nil); !errors.As(err, &e) || e.Kind != assetsync.KindUsage {
		t.Errorf("status of nobody: %v", err)
	}
	if err := c.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	r.finish()
	if _, err := c.Health(ctx); !errors.Is(err, ErrNotRunning) {
		t.Errorf("health after the end: %v", err)
	}
}

func TestControlStale(t *testing.T) {
	r := newSocketRig(t, "a")
	ctx, c := context.Background(), r.client(nil)
	ask := Ask{Fingerprint: "another"}
	_, err := c.Status(ctx, ask)
	_, _, err2 := c.Push(ctx, ask, assetsync.PushOptions{})
	_, _, _, err3 := c.Revisions(ctx, ask, "base")
	_, err4 := c.call(ctx, "unheard-of", request{})
	_, err5 := c.Commit(ctx, ask)
	for i, err := range []error{err, err2, err3, err4, err5} {
		if !errors.Is(err, ErrStale) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, err := c.Pause(ctx, ask); err != nil {
		t.Errorf("a pause is for any config: %v", err)
	}
}

func TestWrongRequests(t *testing.T) {
	r := newSocketRig(t, "a")
	long := post("/v1/status", `{"cwd":"`+strings.Repeat("x", maxRequest)+`"}`)
	tests := []struct {
		name, text string
		status     int
	}{
		{"no JSON", post("/v1/status", "hello"), 200},
		{"half of it", post("/v1/push", `{"args":["a"`), 200},
		{"nothing", post("/v1/status", ""), 200},
		{"more than one", post("/v1/status", `{} {}`), 200},
		{"another type", post("/v1/status", `{"args": 5}`), 200},
		{"too long", long, 200},
		{"unknown path", post("/v1/destroy", "{}"), 404},
		{"GET", "GET /v1/stop HTTP/1.1\r\nHost: daemon\r\n\r\n", 405},
		{"no HTTP", "hello\r\n\r\n", 400},
		{"long headers", "POST /v1/status HTTP/1.1\r\nX: " + strings.Repeat("x", 2*maxRequest) + "\r\n\r\n", 431},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, lines := send(t, r.path, tt.text)
			if status != tt.status {
				t.Fatalf("status %d, want %d", status, tt.status)
			}
			if status == 200 && (len(lines) != 1 || lines[0].Error == nil || lines[0].Error.Kind != assetsync.KindUsage) {
				t.Errorf("answer %+v", lines)
			}
		})
	}
	r.engines["a"].did()
	if _, _, err := r.client(nil).Push(context.Background(), r.ask(), assetsync.PushOptions{}); err != nil {
		t.Errorf("the daemon suffers: %v", err)
	}
}

// Clients that are slow in one way or another are given up, and hold up
// nobody.
func TestSlowClients(t *testing.T) {
	r := newSocketRig(t, "a")
	dripping := func(conn net.Conn) {
		for _, b := range []byte(post("/v1/health", "{}")) {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	saying := func(text string) func(net.Conn) {
		return func(conn net.Conn) { _, _ = io.WriteString(conn, text) }
	}
	tests := []struct {
		name string
		do   func(net.Conn)
	}{
		{"byte by byte", dripping},
		{"silent", func(net.Conn) {}},
		{"half of the headers", saying("POST /v1/health HTTP/1.1\r\nHost:")},
		{"half of the body", saying("POST /v1/push HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")},
	}
	var all sync.WaitGroup
	for _, tt := range tests {
		conn, err := net.Dial("unix", r.path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		all.Go(func() { tt.do(conn) })
		all.Go(func() {
			if err := conn.SetReadDeadline(time.Now().Add(soon)); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: is not given up", tt.name)
			}
		})
	}
	if _, err := r.client(nil).Health(context.Background()); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	all.Wait()
}

// A client that never reads holds up nobody else.
func TestClientThatNeverReads(t *testing.T) {
	r := newSocketRig(t, "a")
	r.engines["a"].edit(func(e *fakeEngine) {
		e.replace = func(_ string, res assetsync.Result) assetsync.Result {
			res.Notes = []string{strings.Repeat("x", 4<<20)} // more than a socket holds
			return res
		}
	})
	conn, err := net.Dial("unix", r.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, post("/v1/push", `{"fingerprint":"fp"}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its push", func() bool { return len(r.engines["a"].did()) > 0 })
	for range 3 {
		if _, _, err := r.client(nil).Push(context.Background(), r.ask(), assetsync.PushOptions{}); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	}
}

func TestClientThatGoes(t *testing.T) {
	r := newSocketRig(t, "a")
	entered, cut := make(chan struct{}), make(chan struct{})
	r.engines["a"].edit(func(e *fakeEngine) {
		e.before = func(ctx context.Context, _ string) {
			e.edit(func(e *fakeEngine) { e.before = nil })
			close(entered)
			<-ctx.Done()
			close(cut)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, _, err := r.client(nil).Push(ctx, r.ask(), assetsync.PushOptions{})
		done <- err
	}()
	<-entered
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the client: %v", err)
	}
	select {
	case <-cut:
	case <-time.After(soon):
		t.Fatal("the engine's context goes on")
	}
	r.inStep()
}

func TestManyClients(t *testing.T) {
	r := newSocketRig(t, "a", "b", "c")
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			ctx, c := context.Background(), r.client(nil)
			var err error
			switch i % 4 {
			case 0:
				_, err = c.Health(ctx)
			case 1:
				_, err = c.Status(ctx, r.ask())
			case 2:
				_, _, err = c.Push(ctx, r.ask("b"), assetsync.PushOptions{})
			case 3:
				_, _, _, err = c.Revisions(ctx, r.ask("c"), "base", "local")
			}
			if err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	all.Wait()
	r.inStep()
}
