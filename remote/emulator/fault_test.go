package emulator_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote"
	"assetsync/remote/emulator"
)

func parseFaults(t testing.TB, texts ...string) []emulator.Fault {
	t.Helper()
	var out []emulator.Fault
	for _, s := range texts {
		f, err := emulator.ParseFault(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

// speakers are the two ways to talk to a server.
func speakers(t *testing.T, s *emulator.Server) map[string]user {
	front := httptest.NewServer(s)
	t.Cleanup(front.Close)
	overTCP, err := remote.NewClient(remote.Options{Endpoint: front.URL, HTTPClient: front.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]user{"embedded": newUser(t, s), "tcp": {overTCP, t}}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault     string
		kind      remote.Kind // "" for a success
		ambiguous bool
		effect    bool
	}{
		{"kind=throttle", remote.KindThrottling, false, false},
		{"kind=500", remote.KindInternalServer, true, false},
		{"kind=503", remote.KindUnavailable, true, false},
		{"kind=expired-token", remote.KindCredentialsExpired, false, false},
		{"kind=denied", remote.KindAccessDenied, false, false},
		{"kind=reset-before", remote.KindUnavailable, true, false},
		{"kind=reset-after", remote.KindUnavailable, true, true},
		{"kind=truncate", "", true, true},
		{"kind=not-json", remote.KindInvalidResponse, true, true},
		{"kind=delay:1ms", "", false, true},
	} {
		t.Run(c.fault, func(t *testing.T) {
			s := newServer(t, func(o *emulator.Options) { o.Exclusive = true })
			for name, u := range speakers(t, s) {
				id := u.create(skillFiles())
				u.check(s.Inject(parseFaults(t, c.fault+",op=UpdateAssetFile")...))
				err := u.updateFile(id, "references/a.md", "b\n")
				if c.kind != "" {
					wantKind(t, err, c.kind)
				}
				if (err != nil) != (c.kind != "" || c.ambiguous) {
					t.Errorf("%s: got error %v", name, err)
				}
				if got := errors.Is(err, remote.ErrAmbiguous); got != c.ambiguous {
					t.Errorf("%s: ambiguous: got %v, want %v: %v", name, got, c.ambiguous, err)
				}
				if got := u.read(id, "references/a.md") == "b\n"; got != c.effect {
					t.Errorf("%s: effect: got %v, want %v", name, got, c.effect)
				}
			}
		})
	}
}

func TestFaultsAreCounted(t *testing.T) {
	for _, c := range []struct{ rules, want string }{
		{"kind=throttle", "x...."},
		{"kind=throttle,nth=2", ".x..."},
		{"kind=throttle,nth=2,count=2", ".xx.."},
		{"kind=throttle,nth=3,count=all", "..xxx"},
		{"kind=throttle,op=*", "x...."},
		{"kind=throttle,op=GetAsset,nth=2", ".x..."},
		{"kind=throttle,op=ListAssets", "....."},
		{"kind=throttle kind=throttle,nth=3", "x.x.."},
	} {
		t.Run(c.rules, func(t *testing.T) {
			s := newServer(t, nil)
			u := newUser(t, s)
			id := u.create(skillFiles())
			u.check(s.Inject(parseFaults(t, strings.Fields(c.rules)...)...))
			got := ""
			for range c.want {
				_, err := u.GetAsset(t.Context(), &remote.GetAssetInput{AgentSpaceId: new(space), AssetId: id})
				got += map[bool]string{true: ".", false: "x"}[err == nil]
			}
			want(t, "calls", got, c.want)
		})
	}
}

// A late write is cut off now and has its effect after the requests that
// follow, in the order of its arrival there.
func TestLateByRequests(t *testing.T) {
	s := newServer(t, nil)
	u := newUser(t, s)
	id := u.create(skillFiles())
	u.check(s.Inject(parseFaults(t, "op=UpdateAssetFile,kind=late:2")...))
	err := u.updateFile(id, "references/a.md", "late\n")
	want(t, "ambiguous", errors.Is(err, remote.ErrAmbiguous), true)
	want(t, "version before the first", u.version(id), 1)
	want(t, "version before the second", u.version(id), 2)
	want(t, "content", u.read(id, "references/a.md"), "late\n")
}

func TestLateByTime(t *testing.T) {
	now := time.Unix(1781000000, 0)
	s := newServer(t, func(o *emulator.Options) {
		o.Clock = func() time.Time { return now }
		o.Faults = parseFaults(t, "op=UpdateAssetFile,kind=late:10s")
	})
	u := newUser(t, s)
	id := u.create(skillFiles())
	want(t, "ambiguous", errors.Is(u.updateFile(id, "references/a.md", "late\n"), remote.ErrAmbiguous), true)
	now = now.Add(9 * time.Second)
	want(t, "version after 9 seconds", u.version(id), 1)
	now = now.Add(time.Second)
	want(t, "version after 10 seconds", u.version(id), 2)
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, func(o *emulator.Options) { o.Faults = parseFaults(t, "op=GetAsset,kind=delay:1h,count=2") })
		u := newUser(t, s)
		id := u.create(skillFiles())
		before := time.Now()
		u.get(id)
		want(t, "pause", time.Since(before), time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := u.GetAsset(ctx, &remote.GetAssetInput{AgentSpaceId: new(space), AssetId: id})
		want(t, "deadline", errors.Is(err, context.DeadlineExceeded), true)
		want(t, "pause", time.Since(before), time.Hour+time.Minute)
	})
}

func TestParseFault(t *testing.T) {
	for _, c := range []struct {
		text string
		want emulator.Fault
		err  string
	}{
		{"kind=throttle", emulator.Fault{Kind: "throttle"}, ""},
		{"op=UpdateAsset,nth=2,count=3,kind=late:1s", emulator.Fault{Op: "UpdateAsset", Nth: 2, Count: 3, Kind: "late", Wait: time.Second}, ""},
		{"kind=late:4,count=all", emulator.Fault{Kind: "late", Requests: 4, Count: -1}, ""},
		{"kind=delay:200ms", emulator.Fault{Kind: "delay", Wait: 200 * time.Millisecond}, ""},
		{"", emulator.Fault{}, `fault "": : want op, nth, count or kind`},
		{"op=UpdateAsset", emulator.Fault{}, `kind "" is not one of throttle, 500, 503,`},
		{"kind=boom", emulator.Fault{}, `kind "boom" is not one of`},
		{"kind=throttle,op=Update", emulator.Fault{}, `op "Update" is not one of ListAssetTypes,`},
		{"kind=throttle,nth=0", emulator.Fault{}, `nth: "0" is not a number from 1`},
		{"kind=throttle,count=x", emulator.Fault{}, `count: "x" is not a number from 1`},
		{"kind=delay", emulator.Fault{}, "delay needs a duration: delay:200ms"},
		{"kind=late", emulator.Fault{}, "late needs a duration or a number of requests"},
		{"kind=late:soon", emulator.Fault{}, `invalid duration "soon"`},
		{"kind=late:-1", emulator.Fault{}, "a number is negative"},
		{"kind=500:1s", emulator.Fault{}, `500 takes no "1s"`},
	} {
		got, err := emulator.ParseFault(c.text)
		if (c.err == "") != (err == nil) || !strings.Contains(errorText(err), c.err) {
			t.Errorf("%s: got error %v, want %q", c.text, err, c.err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
	}
}

// The adapter gives a client what a network would.
func TestRoundTripper(t *testing.T) {
	t.Run("context ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://x/", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = emulator.RoundTripper(http.NotFoundHandler()).RoundTrip(r)
		want(t, "cancelled", errors.Is(err, context.Canceled), true)
	})
	t.Run("handler panics", func(t *testing.T) {
		defer func() { want(t, "panic", recover(), any("bug")) }()
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("bug") })
		r := httptest.NewRequest(http.MethodGet, "http://x/", nil)
		_, err := emulator.RoundTripper(h).RoundTrip(r)
		t.Errorf("came back with %v", err)
	})
	t.Run("no status written", func(t *testing.T) {
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		resp, err := emulator.RoundTripper(h).RoundTrip(httptest.NewRequest(http.MethodGet, "http://x/", nil))
		if err != nil {
			t.Fatal(err)
		}
		want(t, "status", resp.Status, "200 OK")
	})
}
