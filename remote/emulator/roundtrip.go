package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"syscall"
)

// RoundTripper lets a client speak to a handler in its own process. Where
// the handler cuts the connection, the client sees what it would see over
// TCP: a reset before an answer, an unexpected end within one.
func RoundTripper(h http.Handler) http.RoundTripper { return roundTripper{h} }

type roundTripper struct{ handler http.Handler }

func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	defer body.Close() //nolint:errcheck // a reader's Close has nothing to lose
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	// The handler gets its own request, as a server would make it.
	in := r.Clone(r.Context())
	in.Body, in.RequestURI = body, r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	w := &recorder{header: http.Header{}}
	aborted := w.serve(t.handler, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if aborted && w.status == 0 {
		return nil, fmt.Errorf("read answer: %w", syscall.ECONNRESET)
	}
	return w.response(r, aborted), nil
}

// recorder holds an answer in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush implements [http.Flusher]: everything is at the client already.
func (w *recorder) Flush() {}

// serve reports whether the handler cut the connection.
func (w *recorder) serve(h http.Handler, r *http.Request) (aborted bool) {
	defer func() {
		switch v := recover(); {
		case v == nil:
		case errors.Is(asError(v), http.ErrAbortHandler):
			aborted = true
		default:
			panic(v)
		}
	}()
	h.ServeHTTP(w, r)
	w.WriteHeader(http.StatusOK)
	return false
}

func asError(v any) error {
	err, _ := v.(error)
	return err
}

func (w *recorder) response(r *http.Request, aborted bool) *http.Response {
	body := io.Reader(&w.body)
	if aborted {
		body = io.MultiReader(body, failingReader{io.ErrUnexpectedEOF})
	}
	length, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64)
	if err != nil {
		length = int64(w.body.Len())
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.header,
		Body:          io.NopCloser(body),
		ContentLength: length,
		Request:       r,
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }
