package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/devopsagent"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"go.uber.org/zap"

	"assetsync/internal/lazyregexp"
)

// ErrNoRegion is wrapped where a region is needed and none was found.
var ErrNoRegion = errors.New("no region: set region in the configuration, AWS_REGION, or region in the profile")

// NoProfileError is a profile of that name which no shared file has.
type NoProfileError string

// Error implements error.
func (e NoProfileError) Error() string {
	return fmt.Sprintf("no AWS profile is called %q", string(e))
}

const (
	// signingName is the service's name in SigV4, not the one of its SDKs.
	signingName = "aidevops"
	// hostPrefix is the trait of every asset operation.
	hostPrefix = "dp."
	// roleSession is what CloudTrail shows for an assumed role.
	roleSession = "assetsync"
	// idleTimeout is below the 60 seconds after which load balancers close an
	// idle connection: a write that meets that moment would be in doubt.
	idleTimeout = 45 * time.Second
	// idlePerHost keeps a connection for each read that four targets, which are
	// worked on at once, have in flight together. The SDK keeps 10.
	idlePerHost = 32
)

// regionPattern keeps a region from changing the host that it becomes a part
// of: one label of DNS. It is compiled where a region is given.
var regionPattern = lazyregexp.New(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$`)

func (t *Transport) configureAnonymous(context.Context) error {
	t.base = t.options.Base
	if t.base == nil {
		t.base = tuned().GetTransport()
	}
	t.retryer = newRetryer(awssdk.RetryMode(t.options.RetryMode), DefaultMaxAttempts)
	return nil
}

// configure loads what the SDK loads: environment, shared files, profile.
func (t *Transport) configure(ctx context.Context) error {
	cfg, err := config.LoadDefaultConfig(ctx, t.loadOptions()...)
	if missing := (config.SharedConfigProfileNotExistError{}); errors.As(err, &missing) {
		return NoProfileError(missing.Profile)
	}
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	switch {
	case cfg.Region == "":
		return ErrNoRegion
	case !regionPattern().MatchString(cfg.Region):
		return fmt.Errorf("region %q is no region's name", cfg.Region)
	}
	t.sso = fromSSO(cfg.Credentials)
	if t.options.RoleARN != "" {
		cfg.Credentials = awssdk.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), t.options.RoleARN,
			func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = roleSession }))
	}
	t.config, t.creds, t.region = cfg, cfg.Credentials, cfg.Region
	if t.base = t.options.Base; t.base == nil {
		// The loader has added AWS_CA_BUNDLE to its copy of what it was given.
		t.base = cfg.HTTPClient.(*awshttp.BuildableClient).GetTransport()
	}
	t.retryer = newRetryer(cfg.RetryMode, cmp.Or(cfg.RetryMaxAttempts, DefaultMaxAttempts))
	return t.resolveEndpoint(ctx)
}

func (t *Transport) loadOptions() []func(*config.LoadOptions) error {
	o := t.options
	log := t.log.Named("sdk").Sugar()
	options := []func(*config.LoadOptions) error{
		config.WithLogger(logging.LoggerFunc(func(level logging.Classification, format string, v ...any) {
			log.With(zap.String("level", string(level))).Debugf(format, v...)
		})),
	}
	if o.Base != nil {
		options = append(options, config.WithHTTPClient(&http.Client{Transport: o.Base}))
	} else {
		options = append(options, config.WithHTTPClient(tuned()))
	}
	if o.Region != "" {
		options = append(options, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(o.Profile))
	}
	if o.RetryMode != "" {
		options = append(options, config.WithRetryMode(awssdk.RetryMode(o.RetryMode)))
	}
	if o.UseFIPS {
		options = append(options, config.WithUseFIPSEndpoint(awssdk.FIPSEndpointStateEnabled))
	}
	return options
}

// tuned is the SDK's HTTP client, with HTTP/1.1 alone for the reason in the
// package comment.
func tuned() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.Protocols = new(http.Protocols)
		tr.Protocols.SetHTTP1(true)
		// The SDK's copy was made by Transport.Clone, which has switched
		// HTTP/2 on: a server would still be offered it, and take it.
		tr.ForceAttemptHTTP2, tr.TLSNextProto = false, nil
		tr.TLSClientConfig.NextProtos = []string{"http/1.1"}
		tr.IdleConnTimeout = idleTimeout
		tr.MaxIdleConnsPerHost = idlePerHost
	})
}

// resolveEndpoint finds the base URL: the option, then what the environment
// and the profile configure (AWS_ENDPOINT_URL_DEVOPS_AGENT, AWS_ENDPOINT_URL,
// services sections, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS), then the region's.
// A service client of the SDK does the reading.
func (t *Transport) resolveEndpoint(ctx context.Context) error {
	resolved := devopsagent.NewFromConfig(t.config).Options()
	custom := resolved.BaseEndpoint
	if t.options.Endpoint != "" {
		custom = &t.options.Endpoint
	}
	endpoint, err := devopsagent.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, devopsagent.EndpointParameters{
		UseFIPS:  new(resolved.EndpointOptions.UseFIPSEndpoint == awssdk.FIPSEndpointStateEnabled),
		Endpoint: custom,
		Region:   &t.region,
	})
	if err != nil {
		return fmt.Errorf("resolve endpoint: %w", err)
	}
	if custom != nil {
		// Used to the letter: SDKs would send to dp.localhost.
		t.endpoint = *custom
		return checkURL(t.endpoint)
	}
	endpoint.URI.Host = hostPrefix + endpoint.URI.Host
	t.endpoint = endpoint.URI.String()
	return nil
}

func checkURL(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("endpoint %q is no http or https URL", u.Redacted())
	}
	return nil
}
