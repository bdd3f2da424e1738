package emulator_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"assetsync/remote"
	"assetsync/remote/emulator"
	"assetsync/remote/remotetest"
)

// counter makes ids of the form of a UUID, in order.
func counter() func() string {
	var mu sync.Mutex
	n := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	}
}

// ticking is a clock that moves a millisecond each time it is read.
func ticking() func() time.Time {
	var mu sync.Mutex
	now := time.Unix(1781000000, 0)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Millisecond)
		return now
	}
}

func newServer(t testing.TB, change func(*emulator.Options)) *emulator.Server {
	t.Helper()
	opts := emulator.Options{Path: filepath.Join(t.TempDir(), "emulator.db"), Clock: ticking(), NewID: counter()}
	if change != nil {
		change(&opts)
	}
	s, err := emulator.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// embedded is a target without a network.
func embedded(s *emulator.Server) remotetest.Target {
	return target("http://embedded", &http.Client{Transport: emulator.RoundTripper(s)})
}

func target(endpoint string, client remote.HTTPClient) remotetest.Target {
	return remotetest.Target{
		Space: "sp-demo-01", Unique: "t1",
		NewClient: func(limits remote.Limits) (*remote.Client, error) {
			return remote.NewClient(remote.Options{Endpoint: endpoint, HTTPClient: client, Limits: limits})
		},
		Wait: func(context.Context) error { return nil },
	}
}

// megabytes is a check whose time is all in coding JSON, the same for every
// way to the server.
const megabytes = "refuse-size"

func runChecks(t *testing.T, target remotetest.Target, skip ...string) {
	for _, c := range remotetest.Checks() {
		if slices.Contains(skip, c.Name) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(t.Context(), target); err != nil {
				t.Errorf("%s\n%v", c.Says, err)
			}
		})
	}
}

func TestConformanceEmbedded(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	runChecks(t, embedded(newServer(t, nil)))
}

func TestConformanceOverTCP(t *testing.T) {
	s := newServer(t, func(o *emulator.Options) { o.Exclusive = true })
	front := httptest.NewServer(s)
	defer front.Close()
	runChecks(t, target(front.URL, front.Client()), megabytes)
}
