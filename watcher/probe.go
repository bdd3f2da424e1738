package watcher

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// probePrefix begins the names of the files of [Watcher.Sync].
const probePrefix = "watch-probe-"

// probes are the files by which the watcher tests itself.
type probes struct {
	dir     string
	started chan struct{} // closed by begin
	ended   chan struct{} // closed by end

	table    *table
	noEvents error

	mu    sync.Mutex
	real  string // dir without symbolic links: where events come from
	next  int
	waits map[string]chan bool // by absolute name: true when its event came, false: try again
}

func (p *probes) init(dir string) {
	p.dir = dir
	p.started, p.ended = make(chan struct{}), make(chan struct{})
	p.waits = make(map[string]chan bool)
}

// begin lets Sync work from now on. Files that a killed process left behind
// are removed; the directory serves one process at a time.
func (p *probes) begin(t *table, noEvents error) {
	p.table, p.noEvents = t, noEvents
	if p.dir != "" {
		old, _ := filepath.Glob(filepath.Join(p.dir, probePrefix+"*")) // none, when the pattern is odd
		for _, name := range old {
			_ = os.Remove(name) // litter; Sync takes other names
		}
	}
	close(p.started)
}

func (p *probes) end() { close(p.ended) }

// came reports whether the event belongs to a probe, and ends the wait for it.
func (p *probes) came(name string) bool {
	if p.dir == "" || !strings.HasPrefix(filepath.Base(name), probePrefix) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if filepath.Dir(name) != p.real {
		return false
	}
	if ch := p.waits[name]; ch != nil {
		delete(p.waits, name)
		ch <- true
	}
	return true
}

// retry starts all probes anew, after events were lost and theirs may be
// among them.
func (p *probes) retry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, ch := range p.waits {
		delete(p.waits, name)
		ch <- false
	}
}

// Sync returns once every event of a change made before the call has been
// read: such a change is in a batch or makes [Watch.Pending] true. It writes
// a file to Options.Probe, waits for its event in the one queue, and removes
// the file. It waits for Run to begin. When ctx ends before, the error says
// that events are not delivered. Roots that are polled have no events; for
// them Sync promises nothing. Several calls at once are fine.
func (w *Watcher) Sync(ctx context.Context) error {
	p := &w.probes
	if p.dir == "" {
		return nil
	}
	select {
	case <-p.started:
	case <-ctx.Done():
		return fmt.Errorf("probe file events: the watcher does not run: %w", ctx.Err())
	}
	if p.noEvents != nil {
		return fmt.Errorf("probe file events: %s", eventsWords(p.noEvents))
	}
	for {
		again, err := p.once(ctx)
		if err != nil {
			return fmt.Errorf("probe file events: %w", err)
		}
		if !again {
			return nil
		}
	}
}

// once writes one probe and waits for it.
func (p *probes) once(ctx context.Context) (again bool, err error) {
	select {
	case <-p.ended:
		return false, errClosed
	default:
	}
	dir, err := p.watch()
	if err != nil {
		return false, err
	}
	ch := make(chan bool, 1)
	p.mu.Lock()
	p.next++
	name := filepath.Join(dir, probePrefix+strconv.Itoa(os.Getpid())+"-"+strconv.Itoa(p.next))
	p.real, p.waits[name] = dir, ch
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waits, name)
		p.mu.Unlock()
		if e := os.Remove(name); e != nil && err == nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
		}
	}()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return false, err
	}
	select {
	case ok := <-ch:
		return !ok, nil
	case <-p.ended:
		return false, errClosed
	case <-ctx.Done():
		return false, fmt.Errorf("events are not delivered: the file %q made none: %w", name, ctx.Err())
	}
}

// watch makes the directory and sets its watch, both each time: somebody may
// have removed it.
func (p *probes) watch() (string, error) {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(p.dir)
	if err != nil {
		return "", err
	}
	if err := p.table.pin(dir); err != nil {
		return "", errors.New(limitWords(err, dir))
	}
	return dir, nil
}
