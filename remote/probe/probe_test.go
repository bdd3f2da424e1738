package probe_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote"
	"assetsync/remote/emulator"
	"assetsync/remote/probe"
	"assetsync/remote/remotetest"
)

// space is one agent space of an emulator, with a clock that moves by some
// milliseconds for each look at it.
type space struct {
	t      testing.TB
	server *emulator.Server
	wire   *probe.Wire

	mu  sync.Mutex
	now time.Time
	ids int
}

func newSpace(t testing.TB, quirks ...string) *space {
	t.Helper()
	s := &space{t: t, now: time.Date(2026, 6, 8, 12, 0, 0, 123e6, time.UTC)}
	opts := emulator.Options{Path: filepath.Join(t.TempDir(), "emulator.db"), Exclusive: true, Clock: s.clock, NewID: s.newID}
	for _, q := range quirks {
		if err := opts.Quirks.ParseQuirk(q); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if s.server, err = emulator.New(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.server.Close(); err != nil {
			t.Error(err)
		}
	})
	s.wire = probe.NewWire(&http.Client{Transport: emulator.RoundTripper(s.server)})
	return s
}

func (s *space) clock() time.Time { return s.pass(7 * time.Millisecond) }

func (s *space) pass(d time.Duration) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
	return s.now
}

func (s *space) newID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", s.ids)
}

func (s *space) fault(rules ...string) {
	s.t.Helper()
	for _, rule := range rules {
		f, err := emulator.ParseFault(rule)
		if err == nil {
			err = s.server.Inject(f)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *space) target() probe.Target {
	return probe.Target{
		Space: "sp-1", Unique: "assetsync-probe-1", Wire: s.wire,
		NewClient: func(limits remote.Limits, onCall func(string, error)) (*remote.Client, error) {
			return remote.NewClient(remote.Options{Endpoint: "http://embedded", HTTPClient: s.wire, Limits: limits, OnCall: onCall})
		},
		Wait: func(ctx context.Context) error { s.pass(1100 * time.Millisecond); return ctx.Err() },
	}
}

// assets are the ids of what is in the space, whatever listings show.
func (s *space) assets() (ids []string) {
	s.t.Helper()
	log, err := s.server.Log()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range log {
		switch e.Operation {
		case "CreateAsset":
			ids = append(ids, e.Asset)
		case "DeleteAsset":
			ids = slices.DeleteFunc(ids, func(id string) bool { return id == e.Asset })
		}
	}
	return ids
}

func (s *space) wantClean() {
	s.t.Helper()
	if left := s.assets(); len(left) > 0 {
		s.t.Errorf("left behind: %v", left)
	}
}

func (s *space) run() probe.Report {
	s.t.Helper()
	report, err := probe.Run(s.t.Context(), s.target())
	if err != nil {
		s.t.Fatal(err)
	}
	s.wantClean()
	return report
}

// readings are the answers as the emulator's flags have them.
func readings(r probe.Report) map[string]string {
	m := map[string]string{}
	for _, a := range r.Answers {
		if a.Quirk != "" {
			m[a.Quirk] = a.Reading
		}
	}
	return m
}

// plain are the readings of an emulator without quirks.
func plain() map[string]string {
	m := map[string]string{}
	for _, q := range emulator.AllQuirks() {
		m[q.Name] = "0"
		if len(q.Readings) > 0 {
			m[q.Name] = q.Readings[0]
		}
	}
	m["version-step"] = "1"
	return m
}

func worlds() (list [][]string) {
	for _, q := range emulator.AllQuirks() {
		all := q.Readings
		if len(all) == 0 {
			all = []string{"1", "2", "7"}
		}
		for _, reading := range all {
			list = append(list, []string{q.Name + "=" + reading})
		}
	}
	return append(list,
		[]string{"file-version=asset", "timestamps=seconds", "text-readback=bytes", "list-order=random", "page-size=3"},
		[]string{"file-delete-version=keep", "file-create-version=keep", "timestamps=seconds", "create-existing=overwrite", "update-missing=create", "delete-missing=ok"},
		[]string{"version-step=5", "rewrite=extra-version", "list-lag=9", "version-order=oldest", "prune-versions=3", "missing-version=validation"},
		[]string{"file-delete-version=keep", "rewrite=frontmatter", "timestamps=frozen", "null-metadata=store"},
		[]string{"read-zip=uploaded", "page-size=2", "version-step=2", "empty-pages=on", "zip-file-metadata=keep"},
	)
}

// TestFindsQuirks looks for every reading of every quirk, alone and together:
// it is found, and nothing else is. What is found makes an emulator of which
// the same is found.
func TestFindsQuirks(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	for _, quirks := range worlds() {
		t.Run(fmt.Sprint(quirks), func(t *testing.T) {
			t.Parallel()
			want := plain()
			for _, q := range quirks {
				name, reading, _ := strings.Cut(q, "=")
				want[name] = reading
			}
			if want["prune-versions"] == "1" {
				want["version-order"] = "" // one version has no order
			}
			got := readings(newSpace(t, quirks...).run())
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("readings (-want +got):\n%s", d)
			}
			if len(quirks) == 1 {
				return // its flags are these
			}
			var flags []string
			for name, reading := range got {
				flags = append(flags, name+"="+reading)
			}
			if d := cmp.Diff(got, readings(newSpace(t, flags...).run())); d != "" {
				t.Errorf("readings of what was found (-first +second):\n%s", d)
			}
		})
	}
}

// TestQuestions asks for a question about each of the 28 items, and about each
// quirk just one.
func TestQuestions(t *testing.T) {
	items, quirks := map[int]bool{}, map[string]int{}
	for _, q := range probe.Questions() {
		items[q.Item] = true
		if q.Quirk != "" {
			quirks[q.Quirk]++
		}
	}
	for item := 1; item <= 28; item++ {
		if !items[item] {
			t.Errorf("nothing asks item %d", item)
		}
	}
	want := map[string]int{}
	for _, q := range emulator.AllQuirks() {
		want[q.Name] = 1
	}
	if d := cmp.Diff(want, quirks); d != "" {
		t.Errorf("questions of each quirk (-want +got):\n%s", d)
	}
}

// TestAnswers asks for words and calls of every answer.
func TestAnswers(t *testing.T) {
	s := newSpace(t)
	target := s.target()
	target.Checks = slices.DeleteFunc(remotetest.Checks(), func(c remotetest.Check) bool { return c.Active() || c.Name == "refuse-size" })
	report, err := probe.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	s.wantClean()
	if report.Checked != len(target.Checks) || report.Differs != nil {
		t.Errorf("%d checks, differing: %v", report.Checked, report.Differs)
	}
	texts := map[string]string{}
	for _, a := range report.Answers {
		texts[a.Asks] = a.Text
		notAsked := strings.HasPrefix(a.Text, "not asked: ")
		if a.Text == "" || notAsked != (a.Calls == nil && !strings.HasPrefix(a.Asks, "Retry-After")) || strings.HasPrefix(a.Text, "not found out") {
			t.Errorf("%d %s: %q by %v", a.Item, a.Asks, a.Text, a.Calls)
		}
	}
	want := map[string]string{
		"versions of a deleted asset":                     "refused with ResourceNotFoundException",
		"where the name of an error is":                   "in the body as __type, in the header x-amzn-errortype",
		"a second skill of one name":                      "accepted",
		"text over 1,572,864 characters":                  "refused with ContentSizeExceededException",
		"createdAt and updatedAt over several versions":   "createdAt of a version is its own; updatedAt of a changed file moves, of another file stays; createdAt of a changed file stays",
		"a page token with another list":                  "refused with ValidationException",
		"updatedAfter and updatedBefore at the very time": "updatedAfter is exclusive, updatedBefore is exclusive",
	}
	for asks, text := range want {
		if texts[asks] != text {
			t.Errorf("%s: got %q, want %q", asks, texts[asks], text)
		}
	}
}

// TestOnlyInactiveAssets looks at every asset that is made: none works.
func TestOnlyInactiveAssets(t *testing.T) {
	s := newSpace(t)
	target := s.target()
	target.Checks = slices.DeleteFunc(remotetest.Checks(), func(c remotetest.Check) bool { return c.Active() || c.Name == "refuse-size" })
	seen := 0
	newClient := target.NewClient
	target.NewClient = func(limits remote.Limits, onCall func(string, error)) (*remote.Client, error) {
		return newClient(limits, func(op string, err error) {
			if onCall != nil {
				onCall(op, err)
			}
			if op != "CreateAsset" || err != nil {
				return
			}
			seen++
			ids := s.assets()
			all, listErr := remote.NewClient(remote.Options{Endpoint: "http://embedded", HTTPClient: s.wire})
			if listErr != nil {
				t.Fatal(listErr)
			}
			out, getErr := all.GetAsset(t.Context(), &remote.GetAssetInput{AgentSpaceId: new("sp-1"), AssetId: &ids[len(ids)-1]})
			if getErr != nil {
				return // a token that is known gave back an asset that is gone
			}
			m, mapErr := out.Asset.Metadata.Map()
			if mapErr != nil || *out.Asset.AssetType == "skill" && m["status"] != "INACTIVE" {
				t.Errorf("%v is made: %v", m, mapErr)
			}
		})
	}
	if _, err := probe.Run(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if seen < 40 {
		t.Errorf("only %d assets were looked at", seen)
	}
}

// TestFaults injects faults everywhere: what can be found is found all the
// same, and nothing is left behind.
func TestFaults(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	for _, c := range []struct {
		name  string
		rules []string
	}{
		{"throttled now and then", []string{"nth=3,kind=throttle", "nth=50,kind=throttle", "nth=120,kind=throttle"}},
		{"creation without an answer", []string{"op=CreateAsset,nth=2,kind=reset-after", "op=CreateAsset,nth=9,kind=truncate", "op=CreateAsset,nth=17,kind=500"}},
		{"update without an answer", []string{"op=UpdateAsset,nth=2,kind=reset-after", "op=UpdateAssetFile,nth=3,kind=not-json", "op=CreateAssetFile,kind=503"}},
		{"deletion without an answer", []string{"op=DeleteAsset,nth=1,kind=reset-after", "op=DeleteAsset,nth=8,count=2,kind=500"}},
		{"creation that comes late", []string{"op=CreateAsset,nth=5,kind=late:1"}},
		{"listing fails", []string{"op=ListAssets,nth=2,kind=500", "op=ListAssetFiles,nth=4,kind=reset-before"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSpace(t)
			s.fault(c.rules...)
			if d := cmp.Diff(plain(), readings(s.run())); d != "" {
				t.Errorf("readings (-want +got):\n%s", d)
			}
		})
	}
}

// TestEnds ends a run in the middle, in all ways that there are.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []string
		kind  remote.Kind
	}{
		{"creation is not allowed", []string{"op=CreateAsset,count=all,kind=denied"}, remote.KindAccessDenied},
		{"a file call is not allowed", []string{"op=CreateAssetFile,count=all,kind=denied"}, remote.KindAccessDenied},
		{"credentials expire", []string{"op=UpdateAsset,nth=3,count=all,kind=expired-token"}, remote.KindCredentialsExpired},
		{"throttled without end", []string{"op=ListAssetFiles,nth=4,count=all,kind=throttle"}, remote.KindThrottling},
		{"writes fail without end", []string{"op=UpdateAsset,nth=4,count=all,kind=500"}, remote.KindInternalServer},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSpace(t)
			s.fault(c.rules...)
			report, err := probe.Run(t.Context(), s.target())
			if !remote.IsKind(err, c.kind) {
				t.Errorf("got error %v, want %s", err, c.kind)
			}
			if len(report.Left) > 0 {
				t.Errorf("left: %v", report.Left)
			}
			s.wantClean()
		})
	}
}

// TestNamesWhatIsLeft forbids deletions: the first question already ends it,
// and what is left is told.
func TestNamesWhatIsLeft(t *testing.T) {
	s := newSpace(t)
	s.fault("op=DeleteAsset,count=all,kind=denied")
	report, err := probe.Run(t.Context(), s.target())
	if !remote.IsKind(err, remote.KindAccessDenied) {
		t.Errorf("got error %v", err)
	}
	left := s.assets()
	if d := cmp.Diff(left, report.Left); d != "" || len(left) != 1 {
		t.Errorf("left (-there +told):\n%s\nthere: %v", d, left)
	}
}

// TestInterrupted ends the run at each of some calls: nothing is left, and no
// answer is made up.
func TestInterrupted(t *testing.T) {
	for _, at := range []int{1, 2, 5, 40, 41, 42, 43, 90, 200} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			s := newSpace(t)
			target := s.target()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			below := s.wire
			var calls atomic.Int64
			target.NewClient = func(limits remote.Limits, onCall func(string, error)) (*remote.Client, error) {
				cut := doer(func(r *http.Request) (*http.Response, error) {
					if calls.Add(1) == int64(at) {
						resp, err := below.Do(r)
						cancel() // after its effect
						if err == nil {
							err = errors.Join(r.Context().Err(), resp.Body.Close())
						}
						return nil, err
					}
					return below.Do(r)
				})
				return remote.NewClient(remote.Options{Endpoint: "http://embedded", HTTPClient: cut, Limits: limits, OnCall: onCall})
			}
			if _, err := probe.Run(ctx, target); !errors.Is(err, context.Canceled) {
				t.Errorf("got error %v", err)
			}
			s.wantClean()
		})
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
