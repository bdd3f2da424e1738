// Package notice tells people of events of a daemon, by a command or a webhook.
//
// Both get one JSON object, a [Message]. Neither may take longer than a while,
// and what they answer is read up to a limit and shown only as the cause of an
// error.
package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"assetsync/sync/daemon"
)

const (
	// commandTimeout is what a program gets that sends a mail or calls somebody.
	commandTimeout = 30 * time.Second

	// killDelay is how long what a program has left behind may hold its output
	// open after its end.
	killDelay = 2 * time.Second

	// webhookTimeout bounds one request, webhookTries their number where the
	// other side may be better later; the pauses between double.
	webhookTimeout = 10 * time.Second
	webhookTries   = 3
	webhookPause   = 2 * time.Second

	// maxAnswer is what is kept of what a program or a webhook says, in bytes.
	maxAnswer = 2 << 10
)

// Message is what a command reads and a webhook gets.
type Message struct {
	Schema int    `json:"schema"` // 1
	Text   string `json:"text"`   // the event in one line for people
	daemon.Event
	Env string `json:"env,omitempty"`
	Dir string `json:"dir"` // of the config
}

// NewMessage makes the message of an event.
func NewMessage(e daemon.Event, env, dir string) Message {
	return Message{Schema: 1, Text: text(e), Event: e, Env: env, Dir: dir}
}

func text(e daemon.Event) string {
	about := e.Targets[0]
	if n := len(e.Targets) - 1; n > 0 {
		about += fmt.Sprintf(" and %d more", n)
	}
	line := "assetsync: " + about + ": " + string(e.Kind)
	if e.Kind == daemon.Recovered {
		return line
	}
	if s := string(e.State); s != string(e.Kind) && s != string(daemon.Failed) {
		line += " (" + s + ")"
	}
	if e.Reason != "" {
		line += ": " + e.Reason
	}
	return line
}

func (m Message) encode() ([]byte, error) {
	data, err := json.Marshal(m)
	return append(data, '\n'), err
}

// Command is a program that is run for each event.
type Command struct {
	Argv []string // at least the program: a path, if it has a slash relative to Dir
	Dir  string
}

// Send runs the program with the message on its standard input, without a
// shell, and waits for its end. What it started is ended with it.
func (c Command) Send(ctx context.Context, m Message) error {
	data, err := m.encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, commandTimeout, fmt.Errorf("it takes longer than %s", commandTimeout))
	defer cancel()
	out := &head{}
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.Dir, bytes.NewReader(data), out, out, killDelay
	killWithChildren(cmd)
	err = cmd.Run()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("run notify.command %s: %w%s", c.Argv[0], err, out.said())
	}
	return nil
}

// head keeps the beginning of what is written to it. The buffer is not
// embedded: its ReadFrom would take everything.
type head struct{ kept bytes.Buffer }

// Write implements [io.Writer].
func (h *head) Write(p []byte) (int, error) {
	if left := maxAnswer - h.kept.Len(); left > 0 {
		h.kept.Write(p[:min(left, len(p))])
	}
	return len(p), nil
}

// said goes on from an error.
func (h *head) said() string {
	if text := strings.TrimSpace(strings.ToValidUTF8(h.kept.String(), "\uFFFD")); text != "" {
		return ": " + text
	}
	return ""
}

// Webhook is a URL that gets each event by POST. It may be a secret, and is in
// no error.
type Webhook struct {
	url   *url.URL
	pause time.Duration // before the second try
}

// ErrURL says what a URL has to be, and nothing about the one that is not.
var ErrURL = errors.New("want an https URL, or http://localhost with a port")

// NewWebhook checks a URL.
func NewWebhook(text string) (Webhook, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return Webhook{}, ErrURL
	}
	return Webhook{u, webhookPause}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send posts the message. It repeats what was not received, or was not the
// right moment, a few times; a redirect is not followed.
func (w Webhook) Send(ctx context.Context, m Message) error {
	data, err := m.encode()
	if err != nil {
		return err
	}
	client := &http.Client{
		Timeout:       webhookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for try, pause := 1, w.pause; ; try, pause = try+1, 2*pause {
		again, err := w.post(ctx, client, data)
		if err == nil || !again || try == webhookTries || wait(ctx, pause) != nil {
			return err
		}
	}
}

// post makes one attempt; again reports whether another may do better.
func (w Webhook) post(ctx context.Context, client *http.Client, data []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(data))
	if err != nil {
		return false, fmt.Errorf("post to notify.webhook: %w", ErrURL)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // without the URL
		}
		return ctx.Err() == nil, fmt.Errorf("post to notify.webhook: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		return false, nil
	}
	out := &head{}
	// What it says beside its status is a help, and may be missing.
	_, _ = io.Copy(out, io.LimitReader(resp.Body, maxAnswer))
	again = resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests
	return again, fmt.Errorf("post to notify.webhook: it answers %d%s", resp.StatusCode, w.hidden(out.said()))
}

// minSecret is the length of what a service would make a secret of, in a path or a
// query; what is shorter stands in other words as well.
const minSecret = 8

// hidden takes the URL out of what a webhook says, and each part of it that may be
// the secret: "no hook T0abc…" is what some say.
func (w Webhook) hidden(text string) string {
	password, _ := w.url.User.Password()
	parts := []string{w.url.String(), w.url.RequestURI(), w.url.EscapedPath(), password}
	isSign := func(r rune) bool { return strings.ContainsRune("/?&=", r) }
	for _, part := range strings.FieldsFunc(w.url.RequestURI(), isSign) {
		if len(part) >= minSecret {
			parts = append(parts, part)
			if plain, err := url.QueryUnescape(part); err == nil {
				parts = append(parts, plain)
			}
		}
	}
	for _, secret := range parts {
		if len(secret) > 1 {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return text
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
