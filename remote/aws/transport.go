package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"assetsync/remote"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"go.uber.org/zap"
)

// Defaults of [Options].
const (
	// DefaultTimeout is for a call with all its attempts and waits.
	DefaultTimeout = 10 * time.Minute
	// DefaultAttemptTimeout is for one attempt: 8 MiB at half a megabit a
	// second. A write can have its effect that long after it was sent.
	DefaultAttemptTimeout = 2 * time.Minute
	// DefaultMaxAttempts allows throttling to pass: the SDK's waits sum up to
	// about 15 seconds.
	DefaultMaxAttempts = 5
)

// Options says where a [Transport] goes, as whom, and how patiently. Empty
// strings leave the choice to the environment and the shared configuration
// files, which the SDK reads.
type Options struct {
	Region  string
	Profile string
	// RoleARN names a role to assume with the credentials that were found.
	RoleARN string
	// Endpoint is a base URL to use instead of the region's, as it is.
	Endpoint string
	// UseFIPS asks for the region's FIPS endpoint. It excludes an endpoint.
	UseFIPS bool
	// Anonymous sends requests unsigned, for servers of our own: no
	// credentials, region or configuration is looked for. It needs Endpoint.
	Anonymous bool
	// RetryMode is "standard" or "adaptive".
	RetryMode string

	// Base carries single attempts. nil: a transport like the SDK's own, with
	// the environment's proxies and AWS_CA_BUNDLE. What is set here has to
	// honour net/http/httptrace, or unsent writes count as doubtful.
	Base http.RoundTripper
	// Limiter paces all attempts; share one among the transports of an account
	// and region. nil: an own one with the default rate.
	Limiter *Limiter
	// Timeout bounds a call, AttemptTimeout one attempt; 0: the defaults.
	Timeout, AttemptTimeout time.Duration
	// MaxBody is the most bytes of an answer; 0: remote.DefaultMaxBody.
	MaxBody int64
	// UserAgent names the program and its version, "assetsync/1.2.3".
	UserAgent string
	// Clock gives the time to sign with.
	Clock func() time.Time
	// Logger hears of attempts at debug level, never of headers or bodies.
	// nil: nobody does.
	Logger *zap.Logger
	// OnWait, if set, hears of each wait before it begins. It may be called
	// concurrently and has to return at once.
	OnWait func(Wait)
}

// Reason is why a request waits.
type Reason string

// The reasons. ForRate is nobody's fault: our own [Limiter] paces it.
// ForThrottle comes before another attempt at what the service put off,
// ForRetry before one at what failed otherwise.
const (
	ForRate     Reason = "rate"
	ForThrottle Reason = "throttled"
	ForRetry    Reason = "retry"
)

// Wait is a wait of a request that is about to begin.
type Wait struct {
	Reason Reason
	For    time.Duration
	// Attempt is the one that comes after the wait, from 1.
	Attempt int
	// Err is what the last attempt came to; nil for ForRate.
	Err error
}

// Transport is the [remote.HTTPClient] for AWS. It is safe for concurrent
// use.
type Transport struct {
	options  Options
	endpoint string
	region   string
	base     http.RoundTripper
	config   awssdk.Config              // zero when anonymous
	creds    awssdk.CredentialsProvider // nil when anonymous
	sso      bool                       // credentials come from an SSO session
	retryer  awssdk.RetryerV2
	signer   *v4.Signer
	log      *zap.Logger
}

var _ remote.HTTPClient = (*Transport)(nil)

// New checks the options and finds configuration, region and endpoint; ctx
// bounds that. Credentials are looked for when the first request is sent.
// Errors wrap ErrNoRegion where no region can be found, and a NoProfileError where
// there is no such profile.
func New(ctx context.Context, o Options) (*Transport, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("set up AWS transport: %w", err)
	}
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.AttemptTimeout = cmp.Or(o.AttemptTimeout, DefaultAttemptTimeout)
	o.MaxBody = cmp.Or(o.MaxBody, remote.DefaultMaxBody)
	if o.Limiter == nil {
		o.Limiter = NewLimiter(DefaultRate, DefaultBurst)
	}
	if o.OnWait == nil {
		o.OnWait = func(Wait) {}
	}
	t := &Transport{options: o, endpoint: o.Endpoint, log: cmp.Or(o.Logger, zap.NewNop()), signer: v4.NewSigner()}
	setup := t.configure
	if o.Anonymous {
		setup = t.configureAnonymous
	}
	if err := setup(ctx); err != nil {
		return nil, fmt.Errorf("set up AWS transport: %w", err)
	}
	return t, nil
}

func (o Options) check() error {
	switch {
	case o.Clock == nil:
		return errors.New("no clock")
	case o.Timeout < 0 || o.AttemptTimeout < 0 || o.MaxBody < 0:
		return errors.New("a timeout or a body limit is negative")
	case o.Anonymous && o.Endpoint == "":
		return errors.New("unsigned requests need an endpoint")
	case o.UseFIPS && o.Endpoint != "":
		return errors.New("FIPS and a custom endpoint exclude each other")
	}
	if o.RetryMode != "" {
		if _, err := awssdk.ParseRetryMode(o.RetryMode); err != nil {
			return fmt.Errorf("retry mode %q is neither standard nor adaptive", o.RetryMode)
		}
	}
	return nil
}

// Endpoint returns the base URL that requests have to be made for,
// [remote.Options.Endpoint].
func (t *Transport) Endpoint() string { return t.endpoint }

// Region returns the region that was found, "" when anonymous.
func (t *Transport) Region() string { return t.region }

// AttemptTimeout returns how long one attempt may take, and so how late the
// effect of a write in doubt may come.
func (t *Transport) AttemptTimeout() time.Duration { return t.options.AttemptTimeout }

// CloseIdleConnections drops connections that nobody uses, which are dead
// after the machine slept.
func (t *Transport) CloseIdleConnections() {
	(&http.Client{Transport: t.base}).CloseIdleConnections()
}

// newRetryer makes the SDK's policy of a mode.
func newRetryer(mode awssdk.RetryMode, attempts int) awssdk.RetryerV2 {
	standard := func(o *retry.StandardOptions) { o.MaxAttempts = attempts }
	if mode == awssdk.RetryModeAdaptive {
		return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
			o.StandardOptions = append(o.StandardOptions, standard)
		})
	}
	return retry.NewStandard(standard)
}
