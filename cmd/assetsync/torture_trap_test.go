//go:build unix

package main

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// The kinds of moments of a process's life.
const (
	beforeCall = "before call" // it has sent a request, which the service has not seen
	afterCall  = "after call"  // the service has done it, and the answer is not there yet
	fileEvent  = "file"        // a name below its directories has changed
	passedTime = "time"        // milliseconds since it was started
)

// moment is the nth event of a kind in the life of a process.
type moment struct {
	kind string
	n    int
}

func (m moment) String() string { return fmt.Sprintf("%s %d", m.kind, m.n) }

// trap stands between a process and the service, and looks at what changes in
// its directories. At one moment it strikes. It is safe for concurrent use.
type trap struct {
	*httptest.Server
	events *fsnotify.Watcher

	mu     sync.Mutex
	at     moment
	strike func() (dead bool)
	count  map[string]int
	struck string // what happened at the moment; "" as long as it did not come

	flights sync.WaitGroup // requests that are forwarded
}

func newTrap(t *testing.T, to string) *trap {
	t.Helper()
	address, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trap{count: map[string]int{}}
	if tr.events, err = fsnotify.NewWatcher(); err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(address)
	tr.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		tr.flights.Add(1)
		defer tr.flights.Done()
		call := r.Method + " " + idPattern.ReplaceAllString(r.URL.Path, "ID")
		if tr.happens(beforeCall, call) {
			panic(http.ErrAbortHandler)
		}
		// What is forwarded is done, whatever becomes of who asked for it.
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
		if tr.happens(afterCall, call) {
			panic(http.ErrAbortHandler)
		}
		for k, v := range answer.Header() {
			rw.Header()[k] = v
		}
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes()) // who asked may be dead
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tr.follow()
	}()
	t.Cleanup(func() {
		tr.Server.Close()
		if err := tr.events.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return tr
}

// idPattern finds what differs between two runs in the names of assets, of
// objects and of temporary files.
var idPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{38}|[a-z2-7]{26}|\b[0-9a-f]{2}\b|\d{4,}`)

// follow counts file events until the watcher is closed. An error is an
// overflow: events are lost, and a moment may not come.
func (tr *trap) follow() {
	for {
		select {
		case e, ok := <-tr.events.Events:
			if !ok {
				return
			}
			if e.Has(fsnotify.Create) {
				tr.look(e.Name)
			}
			parts := strings.Split(filepath.ToSlash(e.Name), "/")
			name := strings.Join(parts[max(0, len(parts)-3):], "/")
			tr.happens(fileEvent, e.Op.String()+" "+idPattern.ReplaceAllString(name, "ID"))
		case _, ok := <-tr.events.Errors:
			if !ok {
				return
			}
		}
	}
}

// look watches a directory and those below it, as far as they are there.
func (tr *trap) look(root string) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = tr.events.Add(path) // it may be gone
		}
		return nil
	})
}

// happens counts an event, strikes where it is the one, and reports whether
// who caused it is dead.
func (tr *trap) happens(kind, what string) (dead bool) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.strike == nil {
		return false
	}
	tr.count[kind]++
	if tr.struck != "" || tr.at != (moment{kind, tr.count[kind]}) && kind != passedTime {
		return false
	}
	tr.struck = what
	return tr.strike()
}

// arm starts a process and strikes at a moment of its life.
func (tr *trap) arm(at moment, start func(), strike func() bool) {
	tr.mu.Lock() // what it does waits, and is counted from the first on
	defer tr.mu.Unlock()
	tr.at, tr.strike, tr.struck, tr.count = at, strike, "", map[string]int{}
	start()
	if at.kind == passedTime {
		time.AfterFunc(time.Duration(at.n)*time.Millisecond, func() { tr.happens(passedTime, "time") })
	}
}

// disarm ends what arm began, waits until the service has done what it was
// asked for, and returns what the trap struck at, "" for nothing.
func (tr *trap) disarm() (struck string, count map[string]int) {
	tr.flights.Wait()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.strike = nil
	return tr.struck, tr.count
}
