package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	assetsync "assetsync/sync"
)

var (
	// ErrNotRunning means that no daemon answers at the socket.
	ErrNotRunning = errors.New("no daemon is running here")

	// ErrStale means that the daemon has another config, environment or
	// program than the asking process.
	ErrStale = errors.New("the daemon runs with another config, environment or version")

	// ErrSilent means that a daemon is there and does not answer.
	ErrSilent = errors.New("the daemon does not answer")
)

// answerTimeout is how long a daemon may take to begin its answer, which it
// does before it works: 2 seconds, as for every lock.
const answerTimeout = 2 * time.Second

// Client talks to a daemon. It is safe for concurrent use.
type Client struct {
	http    *http.Client
	waiting func(string)
}

// NewClient returns a client for the socket at path. waiting hears for what
// the daemon waits; nil: nobody does.
func NewClient(path string, waiting func(string)) *Client {
	dialer := net.Dialer{Timeout: answerTimeout}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		},
		ResponseHeaderTimeout: answerTimeout,
		DisableKeepAlives:     true,
	}
	if waiting == nil {
		waiting = func(string) {}
	}
	return &Client{&http.Client{Transport: transport}, waiting}
}

// Ask is what a command line names, and who asks; see the protocol.
type Ask struct {
	Args        []string
	Cwd         string // absolute
	Fingerprint string
}

func (a Ask) request() request {
	return request{Args: a.Args, Cwd: a.Cwd, Fingerprint: a.Fingerprint}
}

// Health returns how the daemon does.
func (c *Client) Health(ctx context.Context) (Health, error) {
	a, err := c.call(ctx, "health", request{})
	if err == nil && a.Health == nil {
		err = errors.New("ask daemon: the answer is empty")
	}
	if err != nil {
		return Health{}, err
	}
	return *a.Health, nil
}

// Status returns what a status finds.
func (c *Client) Status(ctx context.Context, ask Ask) (Status, error) {
	a, err := c.call(ctx, "status", ask.request())
	return Status{a.Results, a.Live, a.Notes}, err
}

// Push pushes.
func (c *Client) Push(ctx context.Context, ask Ask, o assetsync.PushOptions) ([]assetsync.Result, []string, error) {
	r := ask.request()
	r.Options = o
	a, err := c.call(ctx, "push", r)
	return a.Results, a.Notes, err
}

// Revisions returns what there is of revisions by target, in the order asked
// for; a target whose result has an error has none.
func (c *Client) Revisions(ctx context.Context, ask Ask, names ...string) (map[string][]Contents, []assetsync.Result, []string, error) {
	r := ask.request()
	r.Revisions = names
	a, err := c.call(ctx, "revisions", r)
	return a.Contents, a.Results, a.Notes, err
}

// Commit tells of a commit: the targets that publish commits look for it at
// once. It returns their names, and does not wait for what they do.
func (c *Client) Commit(ctx context.Context, ask Ask) ([]string, error) {
	a, err := c.call(ctx, "commit", ask.request())
	return a.Names, err
}

// Pause pauses targets and returns their names.
func (c *Client) Pause(ctx context.Context, ask Ask) ([]string, error) {
	a, err := c.call(ctx, "pause", ask.request())
	return a.Names, err
}

// Resume ends a pause and returns the names of the targets.
func (c *Client) Resume(ctx context.Context, ask Ask) ([]string, error) {
	a, err := c.call(ctx, "resume", ask.request())
	return a.Names, err
}

// Stop asks the daemon to end. It returns before the daemon has.
func (c *Client) Stop(ctx context.Context) error {
	_, err := c.call(ctx, "stop", request{})
	return err
}

// call sends a request and reads its answer to the end.
func (c *Client) call(ctx context.Context, verb string, r request) (answer, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return answer{}, fmt.Errorf("ask daemon: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://daemon/v1/"+verb, bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("ask daemon: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, c.noAnswer(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answer{}, ErrStale // it does not know the verb
	}
	dec := json.NewDecoder(resp.Body)
	for {
		var a answer
		if err := dec.Decode(&a); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return answer{}, fmt.Errorf("ask daemon: the answer ends early: %w", err)
		}
		switch {
		case a.Waiting != "":
			c.waiting(a.Waiting)
		case a.Error != nil:
			return answer{}, a.Error
		case a.Stale:
			return answer{}, ErrStale
		case a.Done:
			return a, nil
		}
	}
}

// noAnswer tells a daemon that is not there from one that does not answer.
func (c *Client) noAnswer(ctx context.Context, err error) error {
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("ask daemon: %w", context.Cause(ctx))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return ErrNotRunning
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return ErrNotRunning // it ended before it began to answer, which it does before it works
	case errors.As(err, &timeout) && timeout.Timeout():
		return ErrSilent
	}
	return fmt.Errorf("ask daemon: %w", err)
}
