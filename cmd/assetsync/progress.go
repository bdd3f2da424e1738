package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rivo/uniseg"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"assetsync/remote/aws"
	assetsync "assetsync/sync"
)

const (
	// progressDelay is how long a run may take without a sign of life: most are
	// over by then, and print what came of them.
	progressDelay = 700 * time.Millisecond

	// progressPause is between two looks of the line, so that seconds count down.
	progressPause = 200 * time.Millisecond

	// barColumns is how wide the bar is, between its ends.
	barColumns = 20

	// leastForBar is how wide a terminal is that has room for the bar: on one that
	// is narrower, what the run waits for tells more.
	leastForBar = 60

	// shownWait is the shortest wait that people notice.
	shownWait = time.Second
)

// progress shows on one line of a terminal how far a run is and what it waits
// for. It is gone when the run is over. Its methods may be called concurrently,
// and on nil, which shows nothing.
type progress struct {
	now   func() time.Time
	total int
	what  string // one of those that the run is over: target, asset

	mu     sync.Mutex
	done   int
	files  int
	calls  int
	bytes  int64
	active map[string]int // calls that are on their way, by operation
	waits  []waiting

	w     io.Writer
	bar   *progressbar.ProgressBar
	drawn int // columns that are on the line
	ended chan struct{}
	over  sync.WaitGroup
}

// waiting is a wait that is on its way.
type waiting struct {
	about string // a target; "" when it is not known
	why   string
	until time.Time
}

// showing shows a run over a number of things until end is called.
func (a *app) showing(n int, what string) (shown *progress, end func()) {
	shown = a.startProgress(n, what)
	a.running.Store(shown)
	return shown, func() {
		a.running.Store(nil)
		shown.end()
	}
}

// startProgress begins to show a run over some things; nil where nobody is to
// see it: off a terminal, and where the log or JSON is asked for.
func (a *app) startProgress(n int, what string) *progress {
	kind, _ := a.getenv("TERM")
	if !isTerminal(a.stderr) || a.jsonOut || a.quiet || a.verbose || kind == "dumb" {
		return nil
	}
	return newProgress(a.stderr, a.now, n, what)
}

// shown is the run that is shown; nil: none is.
func (a *app) shown() *progress {
	if a.running == nil {
		return nil
	}
	return a.running.Load()
}

func newProgress(w io.Writer, now func() time.Time, n int, what string) *progress {
	p := &progress{w: w, now: now, total: n, what: what, active: map[string]int{}, ended: make(chan struct{})}
	p.bar = progressbar.NewOptions(max(n, 1), progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(barColumns),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
		progressbar.OptionSetElapsedTime(false), progressbar.OptionSetPredictTime(false), progressbar.OptionSetRenderBlankState(true))
	p.over.Go(p.run)
	return p
}

// run draws the line until the end.
func (p *progress) run() {
	for pause := progressDelay; ; pause = progressPause {
		select {
		case <-p.ended:
			return
		case <-time.After(pause):
		}
		p.draw()
	}
}

func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.bar.Set(min(p.done, p.bar.GetMax())); err != nil {
		return // what is shown is no more than a sign of life
	}
	text, width := shownText(p.text()), terminalWidth(p.w)-1
	if width >= leastForBar {
		text = fmt.Sprintf("%*s %s", len("100% []")+barColumns, strings.Trim(p.bar.String(), "\r "), text)
	}
	line, columns := fitted(text, width)
	fmt.Fprint(p.w, "\r"+line+strings.Repeat(" ", max(0, min(p.drawn, width)-columns)))
	p.drawn = columns
}

// fitted is the beginning of a text that has no more columns than there are.
func fitted(text string, columns int) (line string, width int) {
	for text != "" {
		sign, rest, n, _ := uniseg.FirstGraphemeClusterInString(text, -1)
		if width+n > columns {
			break
		}
		line, text, width = line+sign, rest, width+n
	}
	return line, width
}

// terminalWidth is how many columns a line may have; those that do not say have
// 80. It may change at any time.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
}

// end takes the line away.
func (p *progress) end() {
	if p == nil {
		return
	}
	close(p.ended)
	p.over.Wait()
	p.beside(func() {})
}

// beside takes the line away, for something else to be written, until it is drawn
// again.
func (p *progress) beside(write func()) {
	if p == nil {
		write()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn > 0 {
		fmt.Fprint(p.w, "\r"+strings.Repeat(" ", p.drawn)+"\r")
		p.drawn = 0
	}
	write()
}

// text says how far it is; p.mu is held.
func (p *progress) text() string {
	parts := []string{fmt.Sprintf("%d/%s", p.done, count(p.total, p.what))}
	if p.files > 0 {
		parts = append(parts, count(p.files, "file"))
	}
	if p.calls > 0 {
		parts = append(parts, count(p.calls, "call"))
	}
	if p.bytes > 0 {
		parts = append(parts, sizeText(p.bytes))
	}
	if doing := p.doing(); doing != "" {
		parts = append(parts, doing)
	}
	return strings.Join(parts, ", ")
}

// doing is what the run waits for: the wait that ends first, or a call.
func (p *progress) doing() string {
	now, first := p.now(), waiting{}
	for _, w := range p.waits {
		if w.until.After(now) && (first.until.IsZero() || w.until.Before(first.until)) {
			first = w
		}
	}
	if !first.until.IsZero() {
		left := max(first.until.Sub(now).Round(time.Second), time.Second)
		about := first.about
		if about != "" {
			about += ": "
		}
		return fmt.Sprintf("%swaits %s: %s", about, left, first.why)
	}
	name := ""
	for operation := range p.active {
		if name == "" || operation < name {
			name = operation
		}
	}
	return name
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// finished counts a target that is done.
func (p *progress) finished(r assetsync.Result) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.files += max(len(r.Changes), len(r.CheckedOut))
}

// call counts a call; what it returns ends it.
func (p *progress) call(operation string) func() {
	if p == nil {
		return func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	p.active[operation]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.active[operation]--; p.active[operation] == 0 {
			delete(p.active, operation)
		}
	}
}

// wait shows a wait that begins.
func (p *progress) wait(about, why string, d time.Duration) {
	if p == nil || d < shownWait {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	kept := p.waits[:0]
	for _, w := range p.waits {
		if w.until.After(now) {
			kept = append(kept, w)
		}
	}
	p.waits = append(kept, waiting{about, why, now.Add(d)})
}

// waitText says why a request waits.
func waitText(w aws.Wait) string {
	switch w.Reason {
	case aws.ForRate:
		return "own rate limit"
	case aws.ForThrottle:
		return fmt.Sprintf("throttled, attempt %d", w.Attempt)
	}
	return fmt.Sprintf("no answer, attempt %d", w.Attempt)
}

// sleeping is what an engine waits with, shown with the target that waits.
func (s *session) sleeping(target string) func(context.Context, time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		s.shown().wait(target, "no answer, looking again", d)
		return sleep(ctx, d)
	}
}

// counted counts the bytes that go over a transport while a run is shown.
type counted struct {
	*aws.Transport
	app *app
}

// Do implements [remote.HTTPClient].
func (c counted) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.Transport.Do(req)
	if p := c.app.shown(); p != nil {
		n := max(req.ContentLength, 0)
		if resp != nil {
			n += answerSize(resp)
		}
		p.mu.Lock()
		p.bytes += n
		p.mu.Unlock()
	}
	return resp, err
}

// answerSize is the size of an answer, whose body is in memory.
func answerSize(resp *http.Response) int64 {
	if body, ok := resp.Body.(interface{ Len() int }); ok {
		return int64(body.Len())
	}
	return max(resp.ContentLength, 0)
}

// besides writes to standard error beside a run that is shown.
type besides struct{ app *app }

// Write implements [io.Writer].
func (b besides) Write(data []byte) (int, error) {
	var n int
	var err error
	b.app.shown().beside(func() { n, err = b.app.stderr.Write(data) })
	return n, err
}
