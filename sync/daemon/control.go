package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	assetsync "assetsync/sync"
)

// errEnding is what asks get that come too late.
var errEnding = &assetsync.Error{Kind: assetsync.KindUnavailable, Message: "the daemon is ending", Hint: "repeat the command"}

const (
	// maxRequest bounds what a request may say, in bytes: names and paths.
	maxRequest = 1 << 20

	// headerTimeout is how long a client may take to say what it wants.
	headerTimeout = 2 * time.Second

	// sayWaiting is after how long somebody who waits is told for whom.
	sayWaiting = 2 * time.Second

	// syncTimeout bounds the wait for events that are on their way: they
	// take less than a millisecond, or there is something wrong with them.
	syncTimeout = 500 * time.Millisecond
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
	Done     bool                           `json:"done,omitempty"`
	Stale    bool                           `json:"stale,omitempty"`
	Waiting  string                         `json:"waiting,omitempty"`
	Error    *assetsync.Error               `json:"error,omitempty"`
	Health   *Health                        `json:"health,omitempty"`
	Names    []string                       `json:"names,omitempty"`
	Notes    []string                       `json:"notes,omitempty"`
	Results  []assetsync.Result             `json:"results,omitempty"`
	Contents map[string][]map[string][]byte `json:"contents,omitempty"` // by target, for each revision
}

// Serve answers on a listener until ctx ends, and closes it. Requests that
// are being answered then have the time that Run gives to looks.
func (d *Daemon) Serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	for path, serve := range map[string]func(*exchange){
		"POST /v1/health":    d.serveHealth,
		"POST /v1/status":    d.serveStatus,
		"POST /v1/push":      d.servePush,
		"POST /v1/revisions": d.serveRevisions,
		"POST /v1/pause":     func(x *exchange) { d.servePause(x, d.Pause) },
		"POST /v1/resume":    func(x *exchange) { d.servePause(x, d.Resume) },
		"POST /v1/reload":    func(x *exchange) { d.Reload(); x.end(answer{}) },
		"POST /v1/stop":      func(x *exchange) { x.end(answer{}); d.Stop() },
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			x := &exchange{ctx: r.Context(), w: w}
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&x.request); err != nil {
				x.fail(&assetsync.Error{Kind: assetsync.KindUsage, Message: "read request: " + err.Error()})
				return
			}
			serve(x)
		})
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxRequest}
	var closing sync.WaitGroup
	stopped := make(chan struct{})
	closing.Go(func() {
		select {
		case <-ctx.Done():
		case <-stopped:
		}
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close() // somebody reads too slowly
		}
	})
	err := server.Serve(peers{l})
	close(stopped)
	closing.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// exchange is one request with its answer.
type exchange struct {
	ctx     context.Context
	request request
	mu      sync.Mutex
	w       http.ResponseWriter
}

// say sends a line at once. That the client is gone shows in ctx.
func (x *exchange) say(a answer) {
	x.mu.Lock()
	defer x.mu.Unlock()
	_ = json.NewEncoder(x.w).Encode(a) // the client is gone: nobody to tell
	_ = http.NewResponseController(x.w).Flush()
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

// selected finds the loops that a request names; nil after an answer.
func (d *Daemon) selected(x *exchange) ([]*loop, []string) {
	if x.request.Fingerprint != d.o.Fingerprint() {
		x.end(answer{Stale: true})
		return nil, nil
	}
	s, err := d.o.Select(x.request.Args, x.request.Cwd)
	if err != nil {
		x.fail(err)
		return nil, nil
	}
	loops := d.named(s.Names)
	if len(loops) != len(s.Names) || len(loops) == 0 {
		x.end(answer{Stale: true}) // the config is being replaced this moment, or yields no target: who asks says so
		return nil, nil
	}
	x.say(answer{})
	return loops, s.Notes
}

// named returns the loops of these targets, in the order of the config.
func (d *Daemon) named(names []string) []*loop {
	return slices.DeleteFunc(d.all(), func(l *loop) bool { return !slices.Contains(names, l.t.Name) })
}

// serveStatus answers from memory where memory is known to be right.
func (d *Daemon) serveStatus(x *exchange) {
	loops, notes := d.selected(x)
	if loops == nil {
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, syncTimeout)
	synced := d.o.Sync(ctx) == nil
	cancel()
	gate, reason := d.gate()
	results := make([]assetsync.Result, len(loops))
	d.each(x, loops, func(i int, l *loop) func() reply {
		v := l.see()
		known := v.State != Starting && gate != InStep
		if known || synced && l.fresh() {
			results[i] = v.standing()
			if known && results[i].Error == nil {
				note := fmt.Sprintf("this is how it was at %s: the remote is %s: %s", v.LookedAt.Local().Format(time.TimeOnly), gate, reason)
				results[i].Notes = append(slices.Clone(results[i].Notes), note)
			}
			return nil
		}
		return func() reply { return l.status(x.ctx) }
	}, func(i int, r reply) { results[i] = loops[i].annotate(r.result) })
	x.end(answer{Results: results, Notes: notes})
}

// annotate adds what the daemon waits for.
func (l *loop) annotate(res assetsync.Result) assetsync.Result {
	v := l.see()
	v.Result = res
	return v.standing()
}

func (d *Daemon) servePush(x *exchange) {
	loops, notes := d.selected(x)
	if loops == nil {
		return
	}
	results := make([]assetsync.Result, len(loops))
	d.each(x, loops,
		func(_ int, l *loop) func() reply { return func() reply { return l.push(x.ctx, x.request.Options) } },
		func(i int, r reply) { results[i] = r.result })
	x.end(answer{Results: results, Notes: notes})
}

func (d *Daemon) serveRevisions(x *exchange) {
	loops, notes := d.selected(x)
	if loops == nil {
		return
	}
	results := make([]assetsync.Result, len(loops))
	contents := make([][]map[string][]byte, len(loops))
	d.each(x, loops, func(_ int, l *loop) func() reply {
		return func() (r reply) {
			for _, name := range x.request.Revisions {
				var files map[string][]byte
				files, r.result = l.t.Engine.Contents(x.ctx, name)
				if r.result.Error != nil {
					return reply{result: r.result}
				}
				r.contents = append(r.contents, files)
			}
			return r
		}
	}, func(i int, r reply) { results[i], contents[i] = r.result, r.contents })
	byTarget := map[string][]map[string][]byte{}
	for i, l := range loops {
		byTarget[l.t.Name] = contents[i]
	}
	x.end(answer{Results: results, Contents: byTarget, Notes: notes})
}

// each lets every loop do something between its looks; nil is nothing. Who
// waits long is told for what.
func (d *Daemon) each(x *exchange, loops []*loop, what func(int, *loop) func() reply, took func(int, reply)) {
	var all sync.WaitGroup
	for i, l := range loops {
		do := what(i, l)
		if do == nil {
			continue
		}
		all.Go(func() {
			slow := time.AfterFunc(sayWaiting, func() {
				x.say(answer{Waiting: l.t.Name + ": " + l.waitingFor(d.o.Owner)})
			})
			defer slow.Stop()
			r, err := l.ask(x.ctx, func() reply {
				free, err := d.slot(x.ctx)
				if err != nil {
					return failed(l.t.Name, err)
				}
				defer free()
				return do()
			})
			if err != nil {
				r = failed(l.t.Name, err)
			}
			took(i, r)
		})
	}
	all.Wait()
}

func failed(target string, err error) reply {
	return reply{result: assetsync.Failure(target, err)}
}

// waitingFor says what keeps a loop from doing what it was asked to.
func (l *loop) waitingFor(owner string) string {
	v := l.see()
	return "waiting for " + owner + ", which is " + doing(v.State) + " since " + v.Since.Local().Format(time.TimeOnly)
}

func doing(s State) string {
	if s == Publishing {
		return "looking at it"
	}
	return "busy (" + string(s) + ")"
}

func (d *Daemon) servePause(x *exchange, do func([]string) error) {
	s, err := d.o.Select(x.request.Args, x.request.Cwd)
	if err != nil {
		x.fail(err)
		return
	}
	if err := do(s.Names); err != nil {
		x.fail(err)
		return
	}
	x.end(answer{Names: s.Names})
}
