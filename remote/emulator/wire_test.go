package emulator_test

import (
	"bufio"
	"bytes"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden answers")

// TestWire replays raw requests and compares raw answers. Each file is a
// story against a fresh store with a fixed clock and fixed ids; it holds
// pairs of sections, "request" and the "response" to it. In a request, a
// Content-Length that fits the body is added where there is a body.
func TestWire(t *testing.T) {
	files, err := filepath.Glob("testdata/wire/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) { replay(t, name) })
	}
}

func replay(t *testing.T, name string) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, quirks(t, "read-zip=uploaded")) // no compressor in the golden bytes
	out := &txtar.Archive{Comment: archive.Comment}
	for _, f := range archive.Files {
		if f.Name != "request" {
			continue
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, rawRequest(t, f.Data))
		raw, err := httputil.DumpResponse(w.Result(), true)
		if err != nil {
			t.Fatal(err)
		}
		answer := append(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), '\n')
		out.Files = append(out.Files, f, txtar.File{Name: "response", Data: answer})
	}
	got := txtar.Format(out)
	if *update {
		if err := os.WriteFile(name, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(txtar.Format(archive)), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func rawRequest(t *testing.T, data []byte) *http.Request {
	t.Helper()
	head, body, _ := strings.Cut(string(data), "\n\n")
	body = strings.TrimSuffix(body, "\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\n\n")))
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	again := httptest.NewRequest(r.Method, r.RequestURI, strings.NewReader(body))
	again.Header, again.Host = r.Header, r.Host
	return again
}
