package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"assetsync/remote"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"go.uber.org/zap"
)

// ErrNoCredentials is wrapped where no source had credentials.
var ErrNoCredentials = errors.New("no AWS credentials found")

// ErrUnsigned is the error of Identity on an anonymous transport.
var ErrUnsigned = errors.New("unsigned requests have no identity")

// Identity is who the credentials belong to.
type Identity struct {
	Account string // 12 digits
	ARN     string
}

// Identity asks STS who the credentials belong to. Errors are [*remote.Error]
// as those of the operations.
func (t *Transport) Identity(ctx context.Context) (Identity, error) {
	if t.options.Anonymous {
		return Identity{}, ErrUnsigned
	}
	ctx, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	out, err := sts.NewFromConfig(t.config, func(o *sts.Options) { o.Credentials = t.creds }).
		GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		failure := t.credentialsError(ctx, err)
		failure.Operation = "GetCallerIdentity"
		return Identity{}, failure
	}
	if out.Account == nil || *out.Account == "" {
		return Identity{}, &remote.Error{Kind: remote.KindInvalidResponse, Operation: "GetCallerIdentity", Message: "account is missing"}
	}
	return Identity{Account: *out.Account, ARN: awssdk.ToString(out.Arn)}, nil
}

// credentialsError classifies why credentials could not be had, or why STS
// did not take them. Nothing was sent to the service.
func (t *Transport) credentialsError(ctx context.Context, err error) *remote.Error {
	unsent := func(kind remote.Kind, message string, cause error) *remote.Error {
		return &remote.Error{Kind: kind, Message: message, Err: fmt.Errorf("%w: %w", remote.ErrNotSent, cause)}
	}
	if ctx.Err() != nil {
		return unsent(remote.KindCanceled, "credentials were not ready in time", ctx.Err())
	}
	var session *ssocreds.InvalidTokenError
	var answered smithy.APIError
	var failed *smithy.OperationError
	var unreachable *smithyhttp.RequestSendError
	switch {
	case errors.As(err, &session):
		return unsent(remote.KindCredentialsExpired, "the SSO session is over: run aws sso login", err)
	case errors.As(err, &failed) && failed.ServiceID == imds.ServiceID:
		// The last source of the chain; here there is no instance.
		return t.noCredentials(err)
	case errors.As(err, &answered):
		return unsent(kindOfCode(answered.ErrorCode()), answered.ErrorMessage(), err)
	case errors.As(err, &unreachable):
		return unsent(remote.KindUnavailable, "credentials could not be fetched", err)
	case t.sso:
		return unsent(remote.KindCredentialsExpired, "there is no SSO session: run aws sso login", err)
	}
	return t.noCredentials(err)
}

// noCredentials is the error of a chain that came to its end. What the SDK
// says of it is about the last source alone, which misleads; it is for the
// log.
func (t *Transport) noCredentials(cause error) *remote.Error {
	t.log.Debug("no credentials", zap.Error(cause))
	return &remote.Error{
		Kind: remote.KindNotAuthorized, Message: ErrNoCredentials.Error() + ": " + t.whereLooked(),
		Err: quiet{remote.ErrNotSent, []error{remote.ErrNotSent, ErrNoCredentials, cause}},
	}
}

// quiet is an error that wraps more than it says.
type quiet struct {
	error
	causes []error
}

func (q quiet) Unwrap() []error { return q.causes }

// fromSSO reports whether credentials come from a session of IAM Identity
// Center, which a person has to renew.
func fromSSO(provider awssdk.CredentialsProvider) bool {
	chain, ok := provider.(awssdk.CredentialProviderSource)
	return ok && slices.ContainsFunc(chain.ProviderSources(), func(source awssdk.CredentialSource) bool {
		return source == awssdk.CredentialSourceProfileSSO || source == awssdk.CredentialSourceProfileSSOLegacy
	})
}

// kindOfCode is for the answers of STS and SSO: UnauthorizedException is what
// SSO says of a session that is over.
func kindOfCode(code string) remote.Kind {
	if strings.HasPrefix(code, "ExpiredToken") || code == "UnauthorizedException" || code == "IDPRejectedClaim" {
		return remote.KindCredentialsExpired
	}
	return remote.KindNotAuthorized
}

// whereLooked says what was tried.
func (t *Transport) whereLooked() string {
	profile := "the default profile"
	if t.options.Profile != "" {
		profile = fmt.Sprintf("profile %q", t.options.Profile)
	}
	return "looked in the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE, web identity), " + profile +
		" of the shared files (keys, SSO, role, process), the container's and the instance's metadata"
}

// forget drops cached credentials that were refused as expired, so that the
// next attempt fetches them anew.
func (t *Transport) forget() {
	if cache, ok := t.creds.(*awssdk.CredentialsCache); ok {
		cache.Invalidate()
	}
}
