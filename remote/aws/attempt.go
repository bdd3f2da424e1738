package aws

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"assetsync/remote"

	smithyhttp "github.com/aws/smithy-go/transport/http"
	"go.uber.org/zap"
)

// call is one request with its attempts.
type call struct {
	*Transport
	request    *http.Request
	invocation string // the same for all attempts, so that the service can tell
	write      bool
	payload    string // SHA-256 of the body in hexadecimal digits
	refreshed  bool   // credentials were fetched anew
}

// outcome is what came of an attempt.
type outcome struct {
	resp   *http.Response // with its body in memory; nil with err
	err    error          // of the transport; wraps remote.ErrNotSent where that is proven
	fault  *remote.Error  // what resp says, when it is no success
	policy error          // what the SDK's policies judge; nil after a success
}

// Do sends a request and repeats it as the package comment says. The body of
// the answer is in memory when it returns. A body of the request needs
// GetBody, as requests of package remote have.
func (t *Transport) Do(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), t.options.Timeout)
	defer cancel()
	c, err := t.newCall(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrNotSent, err)
	}
	return c.run(ctx)
}

func (t *Transport) newCall(req *http.Request) (*call, error) {
	hash := sha256.New()
	if req.Body != nil && req.Body != http.NoBody {
		if req.GetBody == nil {
			return nil, errors.New("the body cannot be read twice")
		}
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("read body: %w", err)
		}
		_, err = io.Copy(hash, body)
		if err = errors.Join(err, body.Close()); err != nil {
			return nil, fmt.Errorf("read body: %w", err)
		}
	}
	return &call{
		Transport:  t,
		request:    req,
		invocation: newUUID(),
		write:      req.Method != http.MethodGet && req.Method != http.MethodHead,
		payload:    hex.EncodeToString(hash.Sum(nil)),
	}, nil
}

// newUUID returns a random UUID, version 4.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand stops the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// run makes attempts until one settles the call.
func (c *call) run(ctx context.Context) (*http.Response, error) {
	// What an attempt gives back to the policies' budget is known at the next
	// one's end.
	refund := func(error) error { return nil }
	for attempt := 1; ; attempt++ {
		last := c.attempt(ctx, attempt)
		if err := refund(last.policy); err != nil {
			c.log.Debug("return retry token", zap.Error(err))
		}
		if last.policy == nil || attempt >= c.retryer.MaxAttempts() || !c.mayRepeat(ctx, last) {
			return last.resp, last.err
		}
		var err error
		if refund, err = c.retryer.GetRetryToken(ctx, last.policy); err != nil {
			return last.resp, last.err // too many retries of late
		}
		if !c.pause(ctx, attempt, last) {
			return last.resp, last.err
		}
	}
}

// mayRepeat decides whether another attempt is allowed. For a write it is
// the promise that no effect can happen twice.
func (c *call) mayRepeat(ctx context.Context, last outcome) bool {
	if ctx.Err() != nil {
		return false
	}
	if last.fault != nil && last.fault.Kind == remote.KindCredentialsExpired && !c.write {
		again := !c.refreshed // attempt has dropped the expired ones
		c.refreshed = true
		return again
	}
	if c.write && !last.throttled() && !errors.Is(last.err, remote.ErrNotSent) {
		return false
	}
	return c.retryer.IsErrorRetryable(last.policy)
}

// throttled reports whether the service put the request off before it took
// effect. A 5xx is not that, whatever it calls itself.
func (o outcome) throttled() bool {
	return o.fault != nil && o.fault.Kind == remote.KindThrottling && o.fault.Status < 500
}

// waitsFor is why there is a wait after the attempt.
func (o outcome) waitsFor() Reason {
	if o.throttled() {
		return ForThrottle
	}
	return ForRetry
}

// pause waits before the next attempt: what the policy or the answer asks
// for. It reports false when there is no time for it; then the last outcome
// stands.
func (c *call) pause(ctx context.Context, attempt int, last outcome) bool {
	delay, err := c.retryer.RetryDelay(attempt, last.policy)
	if err != nil {
		return false
	}
	if last.fault != nil {
		delay = max(delay, last.fault.RetryAfter)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
		return false
	}
	c.options.OnWait(Wait{Reason: last.waitsFor(), For: delay, Attempt: attempt + 1, Err: last.policy})
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt sends the request once.
func (c *call) attempt(ctx context.Context, n int) outcome {
	paced := func(d time.Duration) { c.options.OnWait(Wait{Reason: ForRate, For: d, Attempt: n}) }
	if err := c.options.Limiter.wait(ctx, paced); err != nil {
		return unsent(fmt.Errorf("wait for the rate limit: %w", err))
	}
	release, err := c.retryer.GetAttemptToken(ctx)
	if err != nil {
		return unsent(fmt.Errorf("wait for the rate limit: %w", err))
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.AttemptTimeout)
	defer cancel()
	out := c.exchange(ctx, n)
	if err := release(out.policy); err != nil {
		c.log.Debug("return attempt token", zap.Error(err))
	}
	switch {
	case out.throttled():
		c.options.Limiter.throttled()
	case out.policy == nil:
		c.options.Limiter.succeeded()
	case out.fault != nil && out.fault.Kind == remote.KindCredentialsExpired:
		c.forget()
	}
	c.note(n, out)
	return out
}

func unsent(err error) outcome {
	err = fmt.Errorf("%w: %w", remote.ErrNotSent, err)
	return outcome{err: err, policy: &finalError{err}}
}

// exchange signs the request, sends it and reads the answer.
func (c *call) exchange(ctx context.Context, n int) outcome {
	var trace connectionTrace
	req, err := c.prepare(httptrace.WithClientTrace(ctx, trace.hooks()), n)
	if err != nil {
		// The SDK's own clients have repeated what they could.
		return outcome{err: err, policy: &finalError{err}}
	}
	resp, err := c.base.RoundTrip(req)
	if err == nil {
		err = c.buffer(resp)
	}
	if err != nil {
		if trace.unsent() && !errors.Is(err, remote.ErrNotSent) {
			err = fmt.Errorf("%w: %w", remote.ErrNotSent, err)
		}
		return outcome{err: err, policy: connectionError(err)}
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return outcome{resp: resp}
	}
	body := resp.Body.(*buffered).data
	fault := remote.ReadError(resp, body[:min(len(body), remote.MaxErrorBody)])
	return outcome{resp: resp, fault: fault, policy: &statusError{fault}}
}

// prepare makes the request of one attempt: fresh body, date, credentials.
func (c *call) prepare(ctx context.Context, n int) (*http.Request, error) {
	req := c.request.Clone(ctx)
	if c.request.GetBody != nil {
		body, err := c.request.GetBody()
		if err != nil {
			return nil, fmt.Errorf("%w: read body: %w", remote.ErrNotSent, err)
		}
		req.Body = body
	}
	if c.options.UserAgent != "" {
		req.Header.Set("User-Agent", c.options.UserAgent)
	}
	req.Header.Set("amz-sdk-invocation-id", c.invocation)
	req.Header.Set("amz-sdk-request", fmt.Sprintf("attempt=%d; max=%d", n, c.retryer.MaxAttempts()))
	if c.options.Anonymous {
		return req, nil
	}
	creds, err := c.creds.Retrieve(ctx)
	if err != nil {
		return nil, c.credentialsError(ctx, err)
	}
	if err := c.signer.SignHTTP(ctx, creds, req, c.payload, signingName, c.region, c.options.Clock()); err != nil {
		return nil, fmt.Errorf("%w: sign request: %w", remote.ErrNotSent, err)
	}
	return req, nil
}

// buffered is a body in memory.
type buffered struct {
	*bytes.Reader
	data []byte
}

func (*buffered) Close() error { return nil }

// buffer reads the whole answer within the attempt, so that a connection that
// breaks in the middle counts as this attempt's failure.
func (c *call) buffer(resp *http.Response) error {
	data, err := remote.ReadBody(resp, c.options.MaxBody)
	if err == nil && int64(len(data)) > c.options.MaxBody {
		err = &tooLargeError{c.options.MaxBody}
	}
	if closeErr := resp.Body.Close(); err == nil && closeErr != nil {
		c.log.Debug("close answer", zap.Error(closeErr)) // all of it is here
	}
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	resp.Body = &buffered{bytes.NewReader(data), data}
	return nil
}

type tooLargeError struct{ limit int64 }

func (e *tooLargeError) Error() string { return fmt.Sprintf("more than %d bytes", e.limit) }

// connectionTrace observes whether an attempt got a connection.
type connectionTrace struct{ asked, got atomic.Bool }

func (t *connectionTrace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { t.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { t.got.Store(true) },
	}
}

// unsent reports that not a byte of the request left: the connection, with
// its name, dial, proxy and TLS, came to nothing. A round tripper that does
// not trace proves nothing.
func (t *connectionTrace) unsent() bool { return t.asked.Load() && !t.got.Load() }

// connectionError makes the policies see a connection error, as the SDK's own
// clients do, except where another attempt would end the same way.
func connectionError(err error) error {
	var untrusted *tls.CertificateVerificationError
	var tooLarge *tooLargeError
	if errors.As(err, &untrusted) || errors.As(err, &tooLarge) {
		return &finalError{err}
	}
	return &smithyhttp.RequestSendError{Err: err}
}

// finalError is never repeated.
type finalError struct{ error }

func (e *finalError) Unwrap() error      { return e.error }
func (*finalError) RetryableError() bool { return false }

// statusError shows an answer to the policies.
type statusError struct{ fault *remote.Error }

func (e *statusError) Error() string       { return e.fault.Error() }
func (e *statusError) HTTPStatusCode() int { return e.fault.Status }
func (e *statusError) ErrorCode() string   { return cmp.Or(e.fault.Code, string(e.fault.Kind)) }

// note logs an attempt: never a header, a query or a body, where secrets are.
func (c *call) note(n int, out outcome) {
	fields := []zap.Field{zap.String("method", c.request.Method), zap.String("path", c.request.URL.EscapedPath()), zap.Int("attempt", n)}
	if out.resp != nil {
		fields = append(fields, zap.Int("status", out.resp.StatusCode))
	}
	if out.fault != nil {
		fields = append(fields, zap.String("kind", string(out.fault.Kind)), zap.String("request_id", out.fault.RequestID))
	}
	if out.err != nil {
		fields = append(fields, zap.Error(out.err))
	}
	c.log.Debug("attempt", fields...)
}
