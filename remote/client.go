package remote

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// DefaultMaxBody caps an answer in memory: the largest that the service can
// give, a list of 100 items of large metadata or a zip of 8 MiB as base64,
// is far below.
const DefaultMaxBody = 64 << 20

// MaxErrorBody caps what is read of an error, which holds a few sentences.
const MaxErrorBody = 1 << 20

// HTTPClient sends one request and returns its answer, as [http.Client]
// does. It signs, paces and repeats. Its law: a request of which no byte
// left fails with an error that wraps [ErrNotSent]; it repeats a write only
// when the write had no effect; it follows no redirect. An [*Error] that it
// returns is kept, with the operation filled in.
type HTTPClient interface {
	Do(*http.Request) (*http.Response, error)
}

// Options says how a [Client] talks.
type Options struct {
	// Endpoint is the base URL, "https://host" with an optional path.
	Endpoint string
	// HTTPClient carries the requests.
	HTTPClient HTTPClient
	// Limits bounds what is sent; zero: Edition20260608.
	Limits Limits
	// ReadLimits bounds paths that name a file which exists (to get, update
	// or delete it); zero: Edition20260617.
	ReadLimits Limits
	// MaxBody is the most bytes of an answer; 0: DefaultMaxBody.
	MaxBody int64
	// OnCall, if set, hears of every call that was handed to HTTPClient,
	// after its end, with the error that the caller gets. It may be called
	// concurrently.
	OnCall func(operation string, err error)
	// OnStart, if set, hears of the same calls before they are handed over;
	// what it returns, if anything, hears of the end with OnCall. Who wants to
	// know how long a call takes brings the clock.
	OnStart func(operation string) (end func(err error))
}

// Client calls the operations of the service. It is safe for concurrent use.
// Every error of its methods is an [*Error].
type Client struct {
	base       string // scheme, host and path without a trailing slash
	http       HTTPClient
	limits     Limits
	readLimits Limits
	maxBody    int64
	onCall     func(string, error)
	onStart    func(string) func(error)
}

// NewClient checks the options and makes a client of them. Nothing is sent.
func NewClient(o Options) (*Client, error) {
	if o.HTTPClient == nil {
		return nil, errors.New("make client: no HTTP client")
	}
	if o.MaxBody < 0 {
		return nil, fmt.Errorf("make client: body limit of %d bytes is negative", o.MaxBody)
	}
	base, err := url.Parse(o.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("make client: endpoint: %w", err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("make client: endpoint %q is no http or https URL", base.Redacted())
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("make client: endpoint %q has more than scheme, host and path", base.Redacted())
	}
	c := &Client{
		base:       strings.TrimRight(base.String(), "/"),
		http:       o.HTTPClient,
		limits:     cmp.Or(o.Limits, Edition20260608()),
		readLimits: cmp.Or(o.ReadLimits, Edition20260617()),
		maxBody:    cmp.Or(o.MaxBody, DefaultMaxBody),
		onCall:     o.OnCall,
		onStart:    o.OnStart,
	}
	if c.onCall == nil {
		c.onCall = func(string, error) {}
	}
	if c.onStart == nil {
		c.onStart = func(string) func(error) { return nil }
	}
	return c, nil
}

// started tells who listens that a call begins; the end has to be told, too.
func (c *Client) started(operation string) (ended func(error)) {
	end := c.onStart(operation)
	return func(err error) {
		if end != nil {
			end(err)
		}
		c.onCall(operation, err)
	}
}

// send makes a call and reads its answer into a new Out, which check
// inspects.
func send[Out any, P interface {
	*Out
	shape
}](ctx context.Context, r *request, check func(*Out) error) (*Out, error) {
	encoded, err := r.encode(ctx)
	if err != nil {
		return nil, err
	}
	out := new(Out)
	ended := r.client.started(r.operation)
	failure := r.exchange(encoded, func(body []byte) error {
		if r.method == http.MethodDelete && len(bytes.TrimSpace(body)) == 0 {
			return nil
		}
		if err := decode(body, P(out).fields()); err != nil {
			return err
		}
		return check(out)
	})
	if failure != nil {
		ended(failure)
		return nil, failure
	}
	ended(nil)
	return out, nil
}

// exchange sends the request and hands the body of a success to read.
func (r *request) exchange(encoded *http.Request, read func(body []byte) error) *Error {
	if err := encoded.Context().Err(); err != nil {
		return r.transportError(fmt.Errorf("%w: %w", ErrNotSent, err))
	}
	resp, err := r.client.http.Do(encoded)
	if err != nil {
		return r.transportError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// Without its body, a status still says that the call failed.
		body, _ := io.ReadAll(io.LimitReader(resp.Body, MaxErrorBody))
		return r.refusal(ReadError(resp, body))
	}
	body, err := ReadBody(resp, r.client.maxBody)
	switch {
	case err != nil:
		err = fmt.Errorf("read answer: %w", err)
	case int64(len(body)) > r.client.maxBody:
		err = fmt.Errorf("read answer: more than %d bytes", r.client.maxBody)
	default:
		if n, ok := encoded.Context().Value(bodyBytes{}).(*int64); ok {
			*n += int64(len(body))
		}
		if err = read(body); err != nil {
			err = fmt.Errorf("understand answer: %w", err)
		}
	}
	if err == nil {
		return nil
	}
	kind := KindInvalidResponse
	if ctxErr := encoded.Context().Err(); ctxErr != nil {
		kind = KindCanceled
	}
	return &Error{Kind: kind, Operation: r.operation, Status: resp.StatusCode, RequestID: requestID(resp.Header), Err: r.doubt(err)}
}

// longestTold is up to which length of a body, in bytes, is believed before it is
// there: a page of 100 assets has some 50 KB.
const longestTold = 1 << 20

// ReadBody reads the body of an answer, of one that is longer than most bytes one byte
// more than these. Where its length is told, memory for it is taken once.
func ReadBody(resp *http.Response, most int64) ([]byte, error) {
	var buf bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= min(most, longestTold) {
		buf.Grow(int(n) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(io.LimitReader(resp.Body, most+1))
	return buf.Bytes(), err
}

// refusal completes the error that the answer states. A failure of the server
// may come after the effect; so may the time-out of what stands between.
func (r *request) refusal(e *Error) *Error {
	e.Operation = r.operation
	if e.Status >= 500 || e.Status == http.StatusRequestTimeout || e.Kind == KindInternalServer || e.Kind == KindUnavailable {
		e.Err = r.doubt(nil)
	}
	return e
}

// doubt marks the failure of a write that may have reached the service.
func (r *request) doubt(err error) error {
	if r.method == http.MethodGet || errors.Is(err, ErrNotSent) || errors.Is(err, ErrAmbiguous) {
		return err
	}
	if err == nil {
		return ErrAmbiguous
	}
	return fmt.Errorf("%w: %w", ErrAmbiguous, err)
}

// transportError is the error of a call without an answer.
func (r *request) transportError(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		own := *known
		own.Operation, own.Err = r.operation, r.doubt(known.Err)
		return &own
	}
	kind := KindUnavailable
	if errors.Is(err, context.Canceled) {
		kind = KindCanceled
	}
	return &Error{Kind: kind, Operation: r.operation, Err: r.doubt(err)}
}
