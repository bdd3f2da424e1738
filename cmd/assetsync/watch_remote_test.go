//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"assetsync/sync/daemon"
)

// TestWatchRemoteDown stops the remote for a while in which files change.
func TestWatchRemoteDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one", "two")
	w.start()
	w.remote.stop()
	w.save("skills/one/limits.md", "a second limit\n")
	w.tells("skills/one", daemon.Offline, `connection refused`)
	w.statusSays(`skills/one.*connection refused`)
	w.save("skills/one/limits.md", "a third limit\n")
	w.save("skills/one/more.md", "more\n")
	w.remote.start()
	w.inStep()
	w.published("skills/one", 1, 1, 2)
	w.published("skills/two", 1, 0, 0)
	if n := w.pushes("skills/one"); n != 2 {
		t.Errorf("skills/one was pushed %d times, want once at first and once in the end\n%s", n, w.logText())
	}
	w.nothingDeleted()
}

// TestWatchStartsWithoutRemote starts a daemon while the remote is down.
func TestWatchStartsWithoutRemote(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one")
	w.remote.stop()
	w.launch()
	w.tells("skills/one", daemon.Offline, `connection refused`)
	w.remote.start()
	w.inStep()
	w.published("skills/one", 1, 0, 0)
}

// TestWatchStatusWhileDown asks for targets that nothing is to be published
// of: status does not say that all is well with a remote that is not there.
func TestWatchStatusWhileDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one", "two")
	w.start()
	w.remote.stop()
	w.sees("the daemon notices", func(h daemon.Health) string {
		if h.Remote.State != daemon.Offline {
			return "it is " + string(h.Remote.State)
		}
		return ""
	})
	w.watchSays(`remote: offline: .*connection refused`)
	w.statusSays(`skills/one and 1 more: .*connection refused`)
	w.remote.start()
	w.inStep()
	w.published("skills/two", 1, 0, 0)
}

// gate is a way to a service on which requests can be made to wait.
type gate struct {
	*httptest.Server
	held  atomic.Pointer[string] // requests whose path holds it are never answered; nil: none
	stuck atomic.Int32           // requests that are held this moment
	open  chan struct{}
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	address, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{open: make(chan struct{})}
	proxy := httputil.NewSingleHostReverseProxy(address)
	g.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if part := g.held.Load(); part != nil && strings.Contains(r.URL.Path, *part) {
			g.stuck.Add(1)
			defer g.stuck.Add(-1)
			select {
			case <-g.open:
			case <-r.Context().Done():
			}
			panic(http.ErrAbortHandler) // it is not answered later, either
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(g.Server.Close)
	t.Cleanup(sync.OnceFunc(func() { close(g.open) }))
	return g
}

// TestWatchRemoteHangs lets the remote take requests for one target and never
// answer them: the other targets go on.
func TestWatchRemoteHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one", "two")
	g := newGate(t, w.remote.url)
	text, err := os.ReadFile(w.path("assetsync.yaml"))
	w.must(err)
	w.save("assetsync.yaml", strings.Replace(string(text), w.remote.url, g.URL, 1))
	w.start("--timeout", "3s")
	id := w.remote.idOf("one")
	g.held.Store(&id)
	w.save("skills/one/limits.md", "another limit\n")
	w.until("a request hangs", func() string {
		if g.stuck.Load() == 0 {
			return "none does"
		}
		return ""
	})
	w.save("skills/two/limits.md", "another limit\n")
	w.sees("the other target is in step", func(h daemon.Health) string { return w.differs(viewOf(h, "skills/two")) })
	w.tells("skills/one", daemon.Offline, `not done within 3s`)
	if h, err := w.health(); err != nil || viewOf(h, "skills/two").State != daemon.InStep {
		t.Errorf("the other target is no more in step: %+v, %v", h, err)
	}
	w.save("skills/two/limits.md", "a third limit\n")
	w.sees("the other target is in step", func(h daemon.Health) string { return w.differs(viewOf(h, "skills/two")) })
	g.held.Store(nil)
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.published("skills/two", 1, 2, 2)
	w.nothingDeleted()
}

// TestWatchExpiredCredentials lets the remote refuse the credentials for a
// while: one state, few requests, and it goes on by itself.
func TestWatchExpiredCredentials(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	w.env = append(w.env, "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=example-secret", "AWS_SESSION_TOKEN=example-token")
	w.config(globbed)
	names := []string{"one", "two", "three", "four", "five"}
	for _, name := range names {
		w.skill(name)
	}
	w.start()
	w.remote.restart("--fault", "count=all,kind=expired-token")
	began := time.Now()
	for i := range 20 {
		for _, name := range names {
			w.save("skills/"+name+"/limits.md", strings.Repeat("more\n", i+1))
		}
		time.Sleep(100 * time.Millisecond) // people save again and again
	}
	for _, name := range names {
		w.tells("skills/"+name, daemon.AuthExpired, `expired`)
	}
	w.statusSays(`expired`)
	w.statusSays(`sign in again`)
	// Until a listing has shown that it concerns all, which takes a second,
	// each target tries two or three times, and each try twice, with
	// credentials that are read anew. From then on one asks for all. It is
	// no matter how often anybody saves.
	most := 3*2*len(names) + 2*int(time.Since(began)/time.Second) + 2
	if n := w.remote.requests(); n > most {
		t.Errorf("%d requests were made, want %d at most:\n%s", n, most, w.remote.logText())
	}
	w.remote.restart()
	w.inStep()
	for _, name := range names {
		w.published("skills/"+name, 1, 1, 1)
	}
	w.nothingDeleted()
}

// TestWatchThrottled lets the remote refuse for a while what is too fast.
func TestWatchThrottled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one")
	w.start()
	w.remote.restart("--fault", "op=GetAsset,count=2,kind=throttle")
	w.save("skills/one/limits.md", "another limit\n")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.nothingDeleted()
}

// TestWatchEndsInSlowWrite asks the daemon to end while a write is on its way
// that takes longer than it has. It ends in time, and the next one finds out
// what became of the write.
func TestWatchEndsInSlowWrite(t *testing.T) {
	for _, tt := range []struct{ name, delay string }{
		{"longer than it has", "delay:30s"},
		{"shorter", "delay:2s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "", "one", "two")
			w.start()
			w.remote.restart("--fault", "op=UpdateAssetFile,kind="+tt.delay)
			w.save("skills/one/limits.md", "another limit\n")
			w.until("the write is on its way", func() string {
				if !strings.Contains(w.remote.logText(), `"method":"PATCH"`) {
					return "it is not"
				}
				return ""
			})
			t.Logf("ended after %s", w.terminate())
			w.start()
			w.published("skills/one", 1, 1, 2)
			w.nothingDeleted()
		})
	}
}
