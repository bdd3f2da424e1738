package probe

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"

	"assetsync/remote"
)

// Wire is an HTTP client that notes what a [remote.Client] does not tell:
// where refusals carry their names, and whether throttling says for how long.
// It sees the answers that the client beneath gives, which may have repeated
// some by itself. It is safe for concurrent use.
type Wire struct {
	below remote.HTTPClient

	mu            sync.Mutex
	places        []string // of names
	limited, told int      // answers of 429, and those with Retry-After
}

// NewWire returns a client that sends by another one.
func NewWire(below remote.HTTPClient) *Wire { return &Wire{below: below} }

// Do implements [remote.HTTPClient].
func (w *Wire) Do(r *http.Request) (*http.Response, error) {
	resp, err := w.below.Do(r)
	if err != nil || resp.StatusCode < 400 {
		return resp, err
	}
	body, readErr := io.ReadAll(io.LimitReader(resp.Body, remote.MaxErrorBody))
	resp.Body = rest{io.MultiReader(bytes.NewReader(body), failing{readErr}, resp.Body), resp.Body}
	w.note(resp, body)
	return resp, nil
}

// rest is a body of which a part was read already.
type rest struct {
	io.Reader
	io.Closer
}

// failing gives an error, or nothing.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

func (w *Wire) note(resp *http.Response, body []byte) {
	var named struct {
		Type *string `json:"__type"`
		Code *string `json:"code"`
	}
	isJSON := json.Unmarshal(body, &named) == nil
	w.mu.Lock()
	defer w.mu.Unlock()
	for place, there := range map[string]bool{
		"in the header x-amzn-errortype": resp.Header.Get("X-Amzn-Errortype") != "",
		"in the body as __type":          isJSON && named.Type != nil,
		"in the body as code":            isJSON && named.Code != nil,
	} {
		if there && !slices.Contains(w.places, place) {
			w.places = append(w.places, place)
		}
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		w.limited++
		if resp.Header.Get("Retry-After") != "" {
			w.told++
		}
	}
}

// names returns where names of errors were seen.
func (w *Wire) names() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.places)
	return slices.Clone(w.places)
}

// throttled returns how many answers were 429, and how many of them said for
// how long.
func (w *Wire) throttled() (limited, told int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.limited, w.told
}
