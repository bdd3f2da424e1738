package probe_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote"
	"assetsync/remote/probe"
)

// TestWireChangesNothing reads answers through a wire: they are as they came,
// also broken ones.
func TestWireChangesNothing(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		status int
		body   func() io.Reader
		want   string
		err    error
	}{
		"a success":        {200, func() io.Reader { return strings.NewReader("{}") }, "{}", nil},
		"a refusal":        {404, func() io.Reader { return strings.NewReader(`{"__type":"X"}`) }, `{"__type":"X"}`, nil},
		"a large refusal":  {500, func() io.Reader { return strings.NewReader(strings.Repeat("x", remote.MaxErrorBody+9)) }, strings.Repeat("x", remote.MaxErrorBody+9), nil},
		"a broken refusal": {429, func() io.Reader { return io.MultiReader(strings.NewReader("ha"), iotest.ErrReader(broken)) }, "ha", broken},
	} {
		t.Run(name, func(t *testing.T) {
			wire := probe.NewWire(doer(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(c.body())}, nil
			}))
			resp, err := wire.Do(&http.Request{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			if string(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestWords looks at answers that only some services give.
func TestWords(t *testing.T) {
	s := newSpace(t)
	s.fault("op=GetAsset,nth=3,kind=throttle")
	target := s.target()
	report, err := probe.Run(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, a := range report.Answers {
		said[a.Asks] = a.Text
	}
	if d := cmp.Diff("1 of the answers were 429, 0 of them with Retry-After", said["Retry-After"]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	target.Wire = nil
	if report, err = probe.Run(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	for _, a := range report.Answers {
		if (a.Item == 23 || a.Asks == "Retry-After") && a.Text != "not found out: nothing watches the wire" {
			t.Errorf("%s: %s", a.Asks, a.Text)
		}
	}
}
