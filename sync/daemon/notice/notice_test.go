//go:build unix

package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assetsync/sync/daemon"
)

var conflict = NewMessage(daemon.Event{
	Kind: daemon.Conflicting, Targets: []string{"skills/one", "skills/two"}, State: daemon.Conflict,
	Reason: "both sides changed", Time: time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC),
}, "prod", "/srv/skills")

// TestMessage pins what programs of others read.
func TestMessage(t *testing.T) {
	const want = `{"schema":1,"text":"assetsync: skills/one and 1 more: conflict: both sides changed","event":"conflict",` +
		`"targets":["skills/one","skills/two"],"state":"conflict","reason":"both sides changed","time":"2026-11-02T10:00:00Z","env":"prod","dir":"/srv/skills"}` + "\n"
	if got, err := conflict.encode(); err != nil || string(got) != want {
		t.Errorf("message\n%s, %v, want\n%s", got, err, want)
	}
}

func TestText(t *testing.T) {
	tests := map[string]struct {
		event daemon.Event
		want  string
	}{
		"failed":    {daemon.Event{Kind: daemon.Failing, State: daemon.Failed, Reason: "disk is full"}, "assetsync: a: failing: disk is full"},
		"blocked":   {daemon.Event{Kind: daemon.Failing, State: daemon.Blocked, Reason: "a guard"}, "assetsync: a: failing (blocked): a guard"},
		"recovered": {daemon.Event{Kind: daemon.Recovered, State: daemon.InStep}, "assetsync: a: recovered"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.event.Targets = []string{"a"}
			if got := text(tt.event); got != tt.want {
				t.Errorf("text %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\ncat > got\nprintf '%s|' \"$@\" > args\n"
	if err := os.WriteFile(filepath.Join(dir, "tell.sh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	c := Command{Argv: []string{"./tell.sh", "a b", "$HOME;id"}, Dir: dir}
	if err := c.Send(t.Context(), conflict); err != nil {
		t.Fatal(err)
	}
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil || string(args) != "a b|$HOME;id|" {
		t.Errorf("arguments %q, %v: a shell has read them", args, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "got"))
	if err != nil {
		t.Fatal(err)
	}
	var got Message
	if err := json.Unmarshal(data, &got); err != nil || got.Kind != daemon.Conflicting {
		t.Errorf("it read %s, %v", data, err)
	}
}

func TestCommandThatFails(t *testing.T) {
	tests := map[string]struct {
		argv []string
		want string
	}{
		"not there":             {[]string{"./nothing"}, "no such file"},
		"exit code":             {[]string{"sh", "-c", "echo no such pager >&2; exit 3"}, "exit status 3: no such pager"},
		"killed":                {[]string{"sh", "-c", "kill -9 $$"}, "signal: killed"},
		"does not read":         {[]string{"sh", "-c", "exec <&-; exit 1"}, "exit status 1"},
		"says more than enough": {[]string{"sh", "-c", "yes | head -c 5000000; exit 1"}, "exit status 1: y\ny"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := Command{Argv: tt.argv, Dir: t.TempDir()}.Send(t.Context(), conflict)
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(err.Error()) > maxAnswer+200 {
				t.Errorf("error %.300v, want %q", err, tt.want)
			}
		})
	}
}

// TestCommandThatHangs ends with its time, and with it what it started.
func TestCommandThatHangs(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, errors.New("too long"))
	defer cancel()
	began := time.Now()
	err := Command{Argv: []string{"sh", "-c", "(sleep 3; touch late) & sleep 60"}, Dir: dir}.Send(ctx, conflict)
	if err == nil || !strings.Contains(err.Error(), "too long") || time.Since(began) > 2*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	time.Sleep(3*time.Second - time.Since(began) + 500*time.Millisecond)
	if _, err := os.Stat(filepath.Join(dir, "late")); err == nil {
		t.Error("what it started goes on")
	}
}

func TestNewWebhook(t *testing.T) {
	tests := map[string]bool{
		"https://hooks.example/T0/s3cret":       true,
		"https://user:pw@hooks.example/":        true,
		"http://localhost:8080/":                true,
		"http://127.0.0.1:8080/x?y=z":           true,
		"http://[::1]:8080/":                    true,
		"http://hooks.example/s3cret":           false,
		"http://localhost.example/s3cret":       false,
		"ftp://hooks.example/s3cret":            false,
		"hooks.example/s3cret":                  false,
		"https:///s3cret":                       false,
		"https://hooks.example/s3cret#fragment": false,
		"https://hooks.example/s3cret\n":        false,
		"":                                      false,
	}
	for text, ok := range tests {
		t.Run(text, func(t *testing.T) {
			_, err := NewWebhook(text)
			if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %v, want %t and no secret", err, ok)
			}
		})
	}
}

// TestWebhook posts to servers that answer in turn; the last answer is given
// again and again.
func TestWebhook(t *testing.T) {
	tests := map[string]struct {
		answers  []int
		requests int
		want     string // of the error; "" for none
	}{
		"taken":              {[]int{204}, 1, ""},
		"taken at last":      {[]int{503, 429, 200}, 3, ""},
		"never taken":        {[]int{500}, webhookTries, "it answers 500"},
		"refused":            {[]int{403}, 1, "it answers 403"},
		"redirect elsewhere": {[]int{307}, 1, "it answers 307"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || r.Method != http.MethodPost || r.URL.Path != "/s3cret" || r.Header.Get("Content-Type") != "application/json" || !json.Valid(body) {
					t.Errorf("request %s %s %v: %s, %v", r.Method, r.URL, r.Header, body, err)
				}
				status := tt.answers[min(requests, len(tt.answers)-1)]
				requests++
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
				if status != http.StatusNoContent {
					fmt.Fprintf(w, "not at %s\x1b[31m", r.URL)
				}
			}))
			defer server.Close()
			hook, err := NewWebhook(server.URL + "/s3cret")
			if err != nil {
				t.Fatal(err)
			}
			hook.pause = time.Millisecond
			err = hook.Send(t.Context(), conflict)
			if requests != tt.requests || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%d requests, %v, want %d and %q", requests, err, tt.requests, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the URL: %v", err)
			}
		})
	}
}

// TestHidden shows no part of a URL that may be its secret.
func TestHidden(t *testing.T) {
	hook, err := NewWebhook("https://ada:pa55w0rd@hooks.example/services/T0abcdefg/k3y?token=s3%2Fcr3t99&v=1")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"no hook T0abcdefg":                             "no hook …",
		"token s3/cr3t99 is not of T0abcdefg":           "token … is not of …",
		"s3%2Fcr3t99":                                   "…",
		"ada:pa55w0rd":                                  "ada:…",
		"/services/T0abcdefg/k3y?token=s3%2Fcr3t99&v=1": "…",
		"try version 1 again":                           "try version 1 again",
	}
	for said, want := range tests {
		if got := hook.hidden(said); got != want {
			t.Errorf("%q is shown as %q, want %q", said, got, want)
		}
	}
}

// TestWebhookThatIsNotThere says so without the URL.
func TestWebhookThatIsNotThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	hook, err := NewWebhook(server.URL + "/s3cret")
	if err != nil {
		t.Fatal(err)
	}
	hook.pause = time.Millisecond
	err = hook.Send(t.Context(), conflict)
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
}
