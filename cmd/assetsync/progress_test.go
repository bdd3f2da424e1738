package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote/aws"
	assetsync "assetsync/sync"
)

// TestProgress lets a run take its time and looks at what is on the line then.
func TestProgress(t *testing.T) {
	published := assetsync.Result{Outcome: assetsync.Published, Changes: make([]assetsync.ChangeReport, 2)}
	tests := map[string]struct {
		do   func(*progress)
		want string
	}{
		"nothing yet":      {func(*progress) {}, "0/3 targets"},
		"targets are done": {func(p *progress) { p.finished(published); p.finished(published) }, "2/3 targets, 4 files"},
		"a call":           {func(p *progress) { p.call("GetAsset")(); p.call("UpdateAsset") }, "0/3 targets, 2 calls, UpdateAsset"},
		"bytes":            {func(p *progress) { p.mu.Lock(); p.bytes = 3 << 19; p.mu.Unlock() }, "0/3 targets, 1.5 MiB"},
		"throttled": {
			func(p *progress) { p.wait("", waitText(aws.Wait{Reason: aws.ForThrottle, Attempt: 3}), 30*time.Second) },
			"0/3 targets, waits 29s: throttled, attempt 3",
		},
		"the wait that ends first": {
			func(p *progress) { p.wait("a", "no answer", 90*time.Second); p.wait("b", "no answer", 9*time.Second) },
			"0/3 targets, b: waits 8s: no answer",
		},
		"a wait that is over": {func(p *progress) { p.wait("", "x", time.Second); p.call("GetAsset") }, "0/3 targets, 1 call, GetAsset"},
		"a short wait":        {func(p *progress) { p.wait("", "x", 999*time.Millisecond) }, "0/3 targets"},
		"escapes in a name":   {func(p *progress) { p.wait("a\x1b[2J", "x", time.Minute) }, `0/3 targets, a\x1b[2J: waits 59s: x`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := newProgress(&out, time.Now, 3, "target")
				tt.do(p)
				time.Sleep(1100 * time.Millisecond)
				synctest.Wait()
				_, text, _ := strings.Cut(lastLine(out.String()), "] ")
				if text != tt.want {
					t.Errorf("the line is %q, want %q", text, tt.want)
				}
				p.end()
				if left := lastLine(out.String()); left != "" || strings.Contains(out.String(), "\n") {
					t.Errorf("%q is left of %q", left, out.String())
				}
			})
		})
	}
}

func TestFitted(t *testing.T) {
	for _, tt := range []struct {
		text    string
		columns int
		want    string
		width   int
	}{
		{"short", 9, "short", 5},
		{"just so", 7, "just so", 7},
		{"cut off", 3, "cut", 3},
		{"日本語", 5, "日本", 4}, // two columns each
		{"e\u0301a", 1, "e\u0301", 1},
		{"none", 0, "", 0},
	} {
		if line, width := fitted(tt.text, tt.columns); line != tt.want || width != tt.width {
			t.Errorf("%q in %d columns: %q of %d, want %q of %d", tt.text, tt.columns, line, width, tt.want, tt.width)
		}
	}
}

// lastLine is what a terminal shows after text that goes back to the beginning
// of its line.
func lastLine(text string) string {
	frames := strings.Split(strings.TrimRight(text, "\r"), "\r")
	return strings.TrimSpace(frames[len(frames)-1])
}

// A run that is over soon shows nothing; nobody shows nothing either.
func TestProgressOfShortRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out, time.Now, 3, "target")
		time.Sleep(progressDelay / 2)
		p.end()
		var none *progress
		none.call("GetAsset")()
		none.wait("", "x", time.Minute)
		none.finished(assetsync.Result{})
		none.beside(func() {})
		none.end()
		if out.Len() > 0 {
			t.Errorf("shown: %q", out.String())
		}
	})
}

// What is logged beside a run stands on a line of its own.
func TestProgressMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out, time.Now, 3, "target")
		time.Sleep(time.Second)
		synctest.Wait()
		p.beside(func() { out.WriteString("warning: x\n") })
		time.Sleep(time.Second)
		synctest.Wait()
		p.end()
		before, after, ok := strings.Cut(out.String(), "warning: x\n")
		if !ok || !strings.HasSuffix(before, "\r") && lastLine(before) != "" || !strings.Contains(after, "0/3 targets") {
			t.Errorf("%q", out.String())
		}
	})
}

// Off a terminal there is none.
func TestProgressOffATerminal(t *testing.T) {
	a := &app{stderr: &bytes.Buffer{}, getenv: func(string) (string, bool) { return "", false }}
	if p := a.startProgress(9, "target"); p != nil {
		p.end()
		t.Error("a buffer is taken for a terminal")
	}
}

func TestSummaryTable(t *testing.T) {
	change := make([]assetsync.ChangeReport, 2)
	calls := map[string]int{"GetAsset": 2, "UpdateAsset": 1}
	got := summaryTable([]assetsync.Result{
		{Outcome: assetsync.Unchanged, Calls: calls},
		{Outcome: assetsync.Published, Changes: change, Versions: []int32{4}, Calls: calls, Published: assetsync.ByZip},
		{Outcome: assetsync.Unchanged, Calls: calls},
		{Outcome: assetsync.CheckedOut, CheckedOut: change[:1]},
		{Outcome: assetsync.Failed, Changes: change, Published: assetsync.ByNothing, Error: assetsync.AsError(errors.New("x"))},
	})
	const want = `               targets  files  versions  calls
    published        1      2         1      3
  checked out        1      1         0      0
       failed        1      0         0      0
    unchanged        2      0         0      6
       in all        5      3         1      9
`
	var lines []string
	for line := range strings.Lines(got) {
		lines = append(lines, strings.TrimRight(line, " \n")+"\n")
	}
	if d := cmp.Diff(want, strings.Join(lines, "")); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
}

func TestFoldUnchanged(t *testing.T) {
	unchanged := assetsync.Result{Target: "a", Outcome: assetsync.Unchanged}
	pending := assetsync.Result{Target: "b", Outcome: assetsync.Unchanged, Pending: make([]assetsync.ChangeReport, 1)}
	published := assetsync.Result{Target: "c", Outcome: assetsync.Published}
	tests := map[string]struct {
		results []assetsync.Result
		shown   int
		folded  string
	}{
		"all unchanged":        {[]assetsync.Result{unchanged, unchanged}, 0, "2 targets unchanged\n"},
		"one is not":           {[]assetsync.Result{unchanged, published}, 1, "1 target unchanged\n"},
		"something to pull":    {[]assetsync.Result{pending, published}, 2, ""},
		"nothing to say of it": {nil, 0, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			shown, folded := foldUnchanged(tt.results)
			if len(shown) != tt.shown || folded != tt.folded {
				t.Errorf("%d shown, %q, want %d, %q", len(shown), folded, tt.shown, tt.folded)
			}
		})
	}
}
