package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"assetsync/remote"
	"assetsync/remote/aws"
	assetsync "assetsync/sync"
)

const (
	// noticedSkew is a clock that is worth a word.
	noticedSkew = time.Minute
	// refusedSkew is how far AWS lets the date of a signed request be off (Signature
	// Version 4: five minutes).
	refusedSkew = 5 * time.Minute
)

// noAsset is the id of an asset that is in no agent space: a read of it shows
// whether it is allowed.
const noAsset = "assetsync-doctor-none"

// checkRemote looks at credentials, the way to the service and the clock.
func (d *doctor) checkRemote(ctx context.Context) {
	if d.env.Embedded() {
		d.ok("reachable", "the remote is embedded, in %s", shortPath(d.stateHome(d.config), d.cwd))
		return
	}
	s := d.newSession()
	err := s.connect(ctx, d.config, sessionOptions{stateless: true})
	if err != nil {
		d.failBy("credentials", s.abort(err))
		return
	}
	credentials := d.checkCredentials(ctx, s)
	if d.checkReachable(ctx, s.transport.Endpoint()) && credentials {
		d.checkActions(ctx, s)
	}
	if err := s.close(); err != nil {
		d.failBy("reachable", err)
	}
}

// checkCredentials reports whether there are any that may be used.
func (d *doctor) checkCredentials(ctx context.Context, s *session) bool {
	const check = "credentials"
	switch {
	case s.isUnsigned():
		d.ok(check, "none are needed: requests to %s go unsigned", d.env.Endpoint)
		return true
	case d.env.Account == "" && onThisMachine(d.env.Endpoint):
		d.ok(check, "the emulator on this machine says whether it takes them")
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	who, err := s.transport.Identity(ctx)
	if err != nil {
		d.failBy(check, fmt.Errorf("ask STS who the credentials belong to: %w", err))
		return false
	}
	d.who = who.Account
	if d.env.Account != "" && who.Account != d.env.Account {
		d.fail(check, exitCode(assetsync.KindUsage), "use other credentials, or correct account: in the config",
			"they belong to account %s, and the config allows only %s", who.Account, d.env.Account)
		return false
	}
	d.ok(check, "%s, region %s, agent space %s", who.ARN, s.transport.Region(), d.space)
	return true
}

// checkReachable sends one unsigned request: any answer will do. What it says of
// the time is compared with the clock here.
func (d *doctor) checkReachable(ctx context.Context, endpoint string) bool {
	const check = "reachable"
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	before := d.now()
	resp, err := askUnsigned(ctx, endpoint, d.now)
	switch {
	case err != nil:
		d.fail(check, exitCode(assetsync.KindUnavailable), "check the network, proxies (HTTPS_PROXY, NO_PROXY) and the region or endpoint", "%s does not answer: %v", endpoint, err)
		return false
	case resp.StatusCode >= http.StatusInternalServerError:
		d.warn(check, "try again later", "%s answers with HTTP %d", endpoint, resp.StatusCode)
	default:
		d.ok(check, "%s answers within %s", endpoint, d.now().Sub(before).Round(time.Millisecond))
	}
	d.checkClock(resp.Header.Get("Date"), before)
	return true
}

// askUnsigned makes the request, by the connections that signed ones use.
func askUnsigned(ctx context.Context, endpoint string, now func() time.Time) (*http.Response, error) {
	transport, err := aws.New(ctx, aws.Options{Anonymous: true, Endpoint: endpoint, Clock: now, UserAgent: thisBuild().userAgent(), Timeout: doctorPatience})
	if err != nil {
		return nil, err
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(endpoint, "/")+"/asset/types", nil)
	if err != nil {
		return nil, err
	}
	return transport.Do(req)
}

// checkClock compares the date of an answer with the time at which it was asked for.
func (d *doctor) checkClock(date string, here time.Time) {
	const check, fix = "clock", "set the clock, or switch on its synchronisation: timedatectl set-ntp true"
	there, err := http.ParseTime(date)
	if err != nil {
		return // nothing to compare with
	}
	skew := here.Sub(there).Round(time.Second)
	off := fmt.Sprintf("the clock is %s ahead of the service's", skew)
	if skew < 0 {
		off = fmt.Sprintf("the clock is %s behind the service's", -skew)
	}
	switch {
	case skew.Abs() >= refusedSkew:
		d.fail(check, exitCode(assetsync.KindAuth), fix, "%s, and signed requests that are %s off are refused", off, refusedSkew)
	case skew.Abs() >= noticedSkew:
		d.warn(check, fix, "%s", off)
	default:
		d.ok(check, "right to %s", max(time.Second, skew.Abs()))
	}
}

// checkActions tries each operation that reads: on an asset that is not there, so
// that nothing is read. Those that write are not tried.
func (d *doctor) checkActions(ctx context.Context, s *session) {
	const check = "actions"
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	client, _, err := s.client()
	if err != nil {
		d.failBy(check, err)
		return
	}
	_, err = client.ListAssets(ctx, &remote.ListAssetsInput{AgentSpaceId: &s.space.AgentSpace, MaxResults: ptr(int32(1))})
	if err != nil && !remote.IsKind(err, remote.KindAccessDenied) {
		d.failBy(check, fmt.Errorf("list assets of agent space %s: %w", s.space.AgentSpace, err))
		return
	}
	missing, err := deniedReads(ctx, client, s.space.AgentSpace)
	if err != nil {
		d.failBy(check, err)
		return
	}
	switch {
	case len(missing) == len(assetsync.Reads()):
		d.fail(check, exitCode(assetsync.KindAuth), "check agent_space and region; assetsync asset policy --for plan prints the policy that is needed", "nothing is allowed in agent space %s", s.space.AgentSpace)
	case len(missing) > 0:
		d.fail(check, exitCode(assetsync.KindAuth), "assetsync asset policy --for plan prints the policy that is needed", "not allowed: %s", wordList(missing, "and"))
	default:
		d.ok(check, "all that read are allowed; those that write are not tried")
	}
}

func ptr[T any](v T) *T { return &v }

// deniedReads returns the actions that are denied among those that read.
func deniedReads(ctx context.Context, client *remote.Client, space string) (missing []string, err error) {
	id, path, one := noAsset, "none", int32(1)
	calls := map[string]func() error{
		"ListAssets": func() error {
			_, err := client.ListAssets(ctx, &remote.ListAssetsInput{AgentSpaceId: &space, MaxResults: &one})
			return err
		},
		"GetAsset": func() error {
			_, err := client.GetAsset(ctx, &remote.GetAssetInput{AgentSpaceId: &space, AssetId: &id})
			return err
		},
		"GetAssetContent": func() error {
			_, err := client.GetAssetContent(ctx, &remote.GetAssetContentInput{AgentSpaceId: &space, AssetId: &id})
			return err
		},
		"GetAssetFile": func() error {
			_, err := client.GetAssetFile(ctx, &remote.GetAssetFileInput{AgentSpaceId: &space, AssetId: &id, Path: &path})
			return err
		},
		"ListAssetFiles": func() error {
			_, err := client.ListAssetFiles(ctx, &remote.ListAssetFilesInput{AgentSpaceId: &space, AssetId: &id, MaxResults: &one})
			return err
		},
		"ListAssetVersions": func() error {
			_, err := client.ListAssetVersions(ctx, &remote.ListAssetVersionsInput{AgentSpaceId: &space, AssetId: &id, MaxResults: &one})
			return err
		},
	}
	for _, operation := range assetsync.Reads() {
		call, ok := calls[operation]
		if !ok {
			return nil, fmt.Errorf("check actions: nothing tries %s", operation)
		}
		err := call()
		switch {
		case remote.IsKind(err, remote.KindAccessDenied):
			missing = append(missing, iamPrefix+operation)
		case err != nil && !remote.IsKind(err, remote.KindNotFound, remote.KindValidation, remote.KindInvalidParameter):
			return nil, errors.Join(fmt.Errorf("try %s: %w", operation, err), context.Cause(ctx))
		}
	}
	slices.Sort(missing)
	return missing, nil
}
