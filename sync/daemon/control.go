package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	assetsync "assetsync/sync"
)

const (
	// maxRequest bounds what a request may say, in bytes: names and paths.
	maxRequest = 1 << 20

	// headerTimeout is how long a client may take to say what it wants, once
	// for the headers and once for the rest.
	headerTimeout = 2 * time.Second

	// writeTimeout is how long a client may take to read a line; who does not
	// is stopped or hangs, and gets no more.
	writeTimeout = 30 * time.Second

	// farewell is how much longer than the looks the answers have that tell
	// how these ended. It lies within the second that Run has, too.
	farewell = 500 * time.Millisecond
)

// request is what a client sends.
type request struct {
	Args        []string              `json:"args,omitempty"`
	Cwd         string                `json:"cwd,omitempty"`
	Fingerprint string                `json:"fingerprint,omitempty"`
	Options     assetsync.PushOptions `json:"options,omitzero"`
	Revisions   []string              `json:"revisions,omitempty"`
}

// answer is one line of what a client gets; the last has Done.
type answer struct {
	Done     bool                  `json:"done,omitempty"`
	Stale    bool                  `json:"stale,omitempty"`
	Waiting  string                `json:"waiting,omitempty"`
	Error    *assetsync.Error      `json:"error,omitempty"`
	Health   *Health               `json:"health,omitempty"`
	Names    []string              `json:"names,omitempty"`
	Notes    []string              `json:"notes,omitempty"`
	Results  []assetsync.Result    `json:"results,omitempty"`
	Live     map[string]Live       `json:"live,omitempty"`     // by target
	Contents map[string][]Contents `json:"contents,omitempty"` // by target, for each revision
}

// Serve answers on a listener until ctx ends or Stop is called, and closes it.
// Requests that are being answered then have the time that Run gives to looks.
func (d *Daemon) Serve(ctx context.Context, l net.Listener) error {
	errorLog, err := zap.NewStdLogAt(d.log, zap.WarnLevel)
	if err != nil {
		return errors.Join(fmt.Errorf("serve control socket: %w", err), l.Close())
	}
	server := &http.Server{Handler: d.routes(), ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxRequest, ErrorLog: errorLog}
	var closing sync.WaitGroup
	stopped := make(chan struct{})
	closing.Go(func() {
		select {
		case <-ctx.Done():
		case <-d.ending:
		case <-stopped:
		}
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime+farewell)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close() // somebody reads too slowly, or a look hangs
		}
	})
	err = server.Serve(peers{l})
	close(stopped)
	closing.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve control socket: %w", err)
}

func (d *Daemon) routes() http.Handler {
	mux := http.NewServeMux()
	for path, serve := range map[string]func(*exchange){
		"POST /v1/health":    d.serveHealth,
		"POST /v1/status":    d.serveStatus,
		"POST /v1/push":      d.servePush,
		"POST /v1/revisions": d.serveRevisions,
		"POST /v1/commit":    d.serveCommit,
		"POST /v1/pause":     func(x *exchange) { d.servePause(x, d.Pause) },
		"POST /v1/resume":    func(x *exchange) { d.servePause(x, d.Resume) },
		"POST /v1/reload":    func(x *exchange) { d.Reload(); x.end(answer{}) },
		"POST /v1/stop":      func(x *exchange) { x.end(answer{}); d.Stop() },
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			x := &exchange{ctx: r.Context(), w: w}
			if err := x.read(r); err != nil {
				x.fail(&assetsync.Error{Kind: assetsync.KindUsage, Message: "read request: " + err.Error()})
				return
			}
			serve(x)
		})
	}
	return mux
}

// exchange is one request with its answer.
type exchange struct {
	ctx     context.Context
	request request
	mu      sync.Mutex
	w       http.ResponseWriter
	ended   bool // w must not be touched any more
}

// read reads the request to its end, without which net/http does not notice
// that the client goes away.
func (x *exchange) read(r *http.Request) error {
	control := http.NewResponseController(x.w)
	if err := control.SetReadDeadline(time.Now().Add(headerTimeout)); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, r.Body, maxRequest))
	if err != nil {
		return err
	}
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return json.Unmarshal(body, &x.request)
}

// say sends a line at once, unless the answer is complete. That the client is
// gone shows in ctx.
func (x *exchange) say(a answer) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return
	}
	x.ended = a.Done
	control := http.NewResponseController(x.w)
	// A client that is gone, or reads too slowly: there is nobody to tell.
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
	_ = json.NewEncoder(x.w).Encode(a)
	_ = control.Flush()
}

func (x *exchange) end(a answer) {
	a.Done = true
	x.say(a)
}

func (x *exchange) fail(err error) { x.end(answer{Error: assetsync.AsError(err)}) }

func (d *Daemon) serveHealth(x *exchange) {
	h := d.Health()
	h.PID = os.Getpid()
	x.end(answer{Health: &h})
}

// selected finds the loops that a request names; false after an answer.
func (d *Daemon) selected(x *exchange) ([]*loop, []string, bool) {
	if x.request.Fingerprint != d.o.Fingerprint() {
		x.end(answer{Stale: true})
		return nil, nil, false
	}
	s, err := d.o.Select(x.request.Args, x.request.Cwd)
	if err != nil {
		x.fail(err)
		return nil, nil, false
	}
	loops := d.named(s.Names)
	if len(loops) != len(s.Names) || len(loops) == 0 {
		x.end(answer{Stale: true}) // the config is being replaced this moment, or yields no target: who asks says so
		return nil, nil, false
	}
	x.say(answer{})
	return loops, s.Notes, true
}

// named returns the loops of these targets, in the order of the config.
func (d *Daemon) named(names []string) []*loop {
	return slices.DeleteFunc(d.all(), func(l *loop) bool { return !slices.Contains(names, l.t.Name) })
}

// serveCommit lets the targets that publish commits look for one at once, which
// they do by themselves every commitPoll. It does not wait for what comes of it.
func (d *Daemon) serveCommit(x *exchange) {
	loops, notes, ok := d.selected(x)
	if !ok {
		return
	}
	names := []string{}
	for _, l := range loops {
		if l.t.When == assetsync.OnCommit {
			signal(l.wake)
			names = append(names, l.t.Name)
		}
	}
	x.end(answer{Names: names, Notes: notes})
}

func (d *Daemon) servePause(x *exchange, do func([]string) error) {
	x.say(answer{}) // saving may take long
	s, err := d.o.Select(x.request.Args, x.request.Cwd)
	if err != nil {
		x.fail(err)
		return
	}
	var names []string
	for _, l := range d.named(s.Names) {
		names = append(names, l.t.Name)
	}
	if len(names) == 0 {
		x.fail(&assetsync.Error{Kind: assetsync.KindUsage, Message: "the daemon watches none of these targets", Hint: "assetsync watch --status lists those that it watches"})
		return
	}
	if err := do(names); err != nil {
		x.fail(err)
		return
	}
	x.end(answer{Names: names})
}
