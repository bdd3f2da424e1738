package watcher

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// epoch is when the coalescer's tests begin.
var epoch = time.Date(2026, 6, 8, 0, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

// step is one call of add, or of everything when why is set.
type step struct {
	at   int // ms
	path string
	op   Op
	why  Reason
}

// play feeds steps to a coalescer, takes all batches when they are due, and
// returns one line for each: "<given out> <first>: <batch>".
func play(c *coalescer, steps []step) (got []string) {
	take := func(until time.Time) {
		for {
			due, ok := c.next()
			if !ok || due.After(until) {
				return
			}
			if b, ok := c.take(due); ok {
				got = append(got, fmt.Sprintf("%d %d: %s", due.Sub(epoch).Milliseconds(), b.First.Sub(epoch).Milliseconds(), text(b)))
			} else {
				got = append(got, "nothing at a deadline")
				return
			}
		}
	}
	for _, s := range steps {
		take(at(s.at))
		if s.why != "" {
			c.everything(s.why, at(s.at), c.settle)
		} else {
			c.add(s.path, s.op, at(s.at))
		}
	}
	take(at(1 << 30))
	return got
}

func TestCoalescer(t *testing.T) {
	const c, m, r = Created, Modified, Removed
	every := func(from, to, gap int, path string) (list []step) {
		for ms := from; ms <= to; ms += gap {
			list = append(list, step{ms, path, m, ""})
		}
		return list
	}
	for _, test := range []struct {
		name   string
		settle int
		steps  []step
		want   []string
	}{
		{"nothing", 0, nil, nil},
		{"modified", 0, []step{{10, "f", m, ""}}, []string{"110 10: *f"}},
		{"created", 0, []step{{0, "f", c, ""}, {50, "f", m, ""}}, []string{"150 0: +f"}},
		{"removed is held", 0, []step{{0, "f", r, ""}}, []string{"500 0: -f"}},
		{"quiet starts anew with each event", 0, []step{{0, "f", m, ""}, {99, "f", m, ""}, {198, "f", m, ""}}, []string{"298 0: *f"}},
		{"two saves", 0, []step{{0, "f", m, ""}, {200, "f", m, ""}}, []string{"100 0: *f", "300 200: *f"}},
		{"save by rename", 0, []step{{0, "f", r, ""}, {400, "f", c, ""}}, []string{"500 0: *f"}},
		{"save by slow rename is two", 0, []step{{0, "f", r, ""}, {600, "f", c, ""}}, []string{"500 0: -f", "700 600: +f"}},
		{"removed and made at once", 0, []step{{0, "f", r, ""}, {1, "f", c, ""}}, []string{"101 0: *f"}},
		{"modified and removed", 0, []step{{0, "f", m, ""}, {1, "f", r, ""}}, []string{"501 0: -f"}},
		{"created and removed is nothing", 0, []step{{0, "f", c, ""}, {1, "f", r, ""}}, nil},
		{"created and removed holds nothing up", 0, []step{{0, "g", m, ""}, {80, "f", c, ""}, {90, "f", r, ""}}, []string{"100 0: *g"}},
		{"created, removed, created", 0, []step{{0, "f", c, ""}, {1, "f", r, ""}, {2, "f", c, ""}}, []string{"102 2: +f"}},
		{"removed, created, removed", 0, []step{{0, "f", r, ""}, {1, "f", c, ""}, {2, "f", r, ""}}, []string{"502 0: -f"}},
		{"first is that of what is left", 0, []step{{0, "f", c, ""}, {60, "g", m, ""}, {90, "f", r, ""}}, []string{"160 60: *g"}},
		{"all wait for the last", 0, []step{{0, "a", m, ""}, {90, "b", c, ""}, {180, "c", m, ""}}, []string{"280 0: *a +b *c"}},
		{"a removal holds the others up", 0, []step{{0, "a", r, ""}, {10, "b", c, ""}}, []string{"500 0: -a +b"}},
		{"constant writing", 0, every(0, 12000, 50, "log"), []string{"5000 0: *log", "10000 5000: *log", "12100 10000: *log"}},
		{
			"a removal in the middle of a save stays back at the longest wait", 0,
			append(every(0, 4950, 50, "log"), step{4900, "f", r, ""}, step{5100, "f", c, ""}),
			[]string{"5000 0: *log", "5200 4900: *f"},
		},
		{"a removal that is repeated", 0, func() (list []step) {
			for ms := 0; ms <= 6000; ms += 100 {
				list = append(list, step{ms, "f", r, ""}, step{ms + 50, "f", c, ""})
			}
			return list
		}(), []string{"5000 0: *f", "6150 5000: *f"}},
		{"long settle", 3000, []step{{0, "f", m, ""}, {2500, "g", r, ""}}, []string{"5000 0: *f", "5500 2500: -g"}},
		{"long settle holds removals as long", 3000, []step{{0, "g", r, ""}}, []string{"3000 0: -g"}},
		{"everything", 0, []step{{0, "f", m, ""}, {50, "", "", Timed}}, []string{"150 0: [timed]"}},
		{"everything waits for quiet", 0, []step{{0, "", "", Timed}, {90, "f", m, ""}, {180, "f", r, ""}}, []string{"680 0: [timed]"}},
		{"everything not longer than the longest wait", 0, append([]step{{0, "", "", Timed}}, every(50, 5950, 50, "f")...), []string{"5000 0: [timed]", "6050 5000: *f"}},
		{"the stronger reason", 0, []step{{0, "", "", Overflowed}, {10, "", "", Timed}}, []string{"110 0: [overflowed]"}},
		{"lost and back", 0, []step{{0, "", "", RootLost}, {10, "", "", RootBack}}, []string{"110 0: [root-back]"}},
		{"back and lost", 0, []step{{0, "", "", RootBack}, {10, "", "", RootLost}}, []string{"110 0: [root-lost]"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			settle := max(test.settle, 100)
			co := newCoalescer(time.Duration(settle)*time.Millisecond, 5*time.Second)
			slices.SortStableFunc(test.steps, func(a, b step) int { return a.at - b.at })
			if diff := cmp.Diff(test.want, play(co, test.steps)); diff != "" {
				t.Errorf("batches (-want +got):\n%s", diff)
			}
			if !co.empty() {
				t.Error("something is left")
			}
		})
	}
}

func TestCoalescerManyPaths(t *testing.T) {
	for _, test := range []struct {
		paths int
		want  string
	}{
		{maxPaths, ""},
		{maxPaths + 1, "[many-paths]"},
		{10 * maxPaths, "[many-paths]"},
	} {
		c := newCoalescer(100*time.Millisecond, 5*time.Second)
		for i := range test.paths {
			c.add(fmt.Sprint(i), Modified, at(i/10))
		}
		due, _ := c.next()
		if want := at((test.paths-1)/10 + 100); due != want {
			t.Errorf("%d paths are due at %v, want %v", test.paths, due, want)
		}
		b, _ := c.take(due)
		if test.want == "" && len(b.Paths) != test.paths || test.want != "" && text(b) != test.want || !b.First.Equal(epoch) {
			t.Errorf("%d paths give %.60s with %d paths, first %v", test.paths, text(b), len(b.Paths), b.First)
		}
		if len(c.paths) != 0 {
			t.Errorf("%d paths are kept", len(c.paths))
		}
	}
}

// TestCoalescerLaw plays random steps: the batches added up are the truth, and
// nothing waits longer than it may.
func TestCoalescerLaw(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		c := newCoalescer(100*time.Millisecond, 2*time.Second)
		disk, told := map[string]bool{"a": true, "b": true}, map[string]bool{"a": true, "b": true}
		waiting := map[string]time.Time{}
		now := epoch
		take := func() {
			b, ok := c.take(now)
			if !ok {
				return
			}
			for _, change := range b.Paths {
				if change.Op == Created && told[change.Path] || change.Op != Created && !told[change.Path] {
					t.Fatalf("seed %d: %s of a path that is there: %v", seed, change.Op, told[change.Path])
				}
				told[change.Path] = change.Op != Removed
				delete(waiting, change.Path)
			}
		}
		for range 200 {
			now = now.Add(time.Duration(random.IntN(250)) * time.Millisecond)
			for due, ok := c.next(); ok && !due.After(now); due, ok = c.next() {
				saved := now
				now = due
				take()
				now = saved
			}
			path := string(rune('a' + random.IntN(4)))
			op := Modified
			switch {
			case !disk[path]:
				op = Created
			case random.IntN(2) == 0:
				op = Removed
			}
			disk[path] = op != Removed
			if _, ok := waiting[path]; !ok {
				waiting[path] = now
			}
			c.add(path, op, now)
			if _, ok := c.paths[path]; !ok {
				delete(waiting, path)
			}
			for path, since := range waiting {
				if now.Sub(since) > 2*time.Second {
					t.Fatalf("seed %d: %q waits since %v", seed, path, now.Sub(since))
				}
			}
		}
		for range 3 {
			now = now.Add(10 * time.Second)
			take()
		}
		for path := range disk {
			if told[path] != disk[path] {
				t.Errorf("seed %d: %q is there: %v, told %v", seed, path, disk[path], told[path])
			}
		}
	}
}

func TestMerge(t *testing.T) {
	one := func(op Op) Batch { return Batch{Paths: []Change{{"f", op}}, First: at(1)} }
	for _, test := range []struct {
		name string
		a, b Batch
		want string
	}{
		{"created, modified", one(Created), one(Modified), "+f"},
		{"created, removed", one(Created), one(Removed), ""},
		{"modified, modified", one(Modified), one(Modified), "*f"},
		{"modified, removed", one(Modified), one(Removed), "-f"},
		{"removed, created", one(Removed), one(Created), "*f"},
		{"other paths", one(Removed), Batch{Paths: []Change{{"a", Created}}, First: at(2)}, "+a -f"},
		{"reason, paths", Batch{Why: Timed}, one(Created), "[timed]"},
		{"paths, reason", one(Created), Batch{Why: Timed}, "[timed]"},
		{"started, timed", Batch{Why: Started}, Batch{Why: Timed}, "[started]"},
		{"lost, back", Batch{Why: RootLost}, Batch{Why: RootBack}, "[root-back]"},
		{"back, lost", Batch{Why: RootBack}, Batch{Why: RootLost}, "[root-lost]"},
		{"lost, timed", Batch{Why: RootLost}, Batch{Why: Timed}, "[root-lost]"},
	} {
		got, ok := merge(test.a, test.b)
		if text(got) != test.want || ok != (test.want != "") {
			t.Errorf("%s: got %q, %v, want %q", test.name, text(got), ok, test.want)
		}
	}
	var a, b Batch
	for i := range maxPaths {
		a.Paths = append(a.Paths, Change{fmt.Sprint("a", i), Created})
		b.Paths = append(b.Paths, Change{fmt.Sprint("b", i), Created})
	}
	if got, _ := merge(a, b); text(got) != "[many-paths]" {
		t.Errorf("many paths: got %.40s", text(got))
	}
}
