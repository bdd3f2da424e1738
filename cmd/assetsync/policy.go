package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

const (
	// iamPrefix is put before the name of an operation to name the action.
	iamPrefix = "aidevops:"

	// policyLanguage is the version of IAM's policy language.
	policyLanguage = "2012-10-17"

	// accountPlaceholder is what IAM refuses where an account belongs, so
	// that nobody uses it by mistake.
	accountPlaceholder = "ACCOUNT"
)

// policy is an IAM policy.
type policy struct {
	Version   string
	Statement []policyStatement
}

type policyStatement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource string
}

// policyActions are the operations that each use of assetsync may call.
var policyActions = map[string]func() []string{
	"plan":  assetsync.Reads,      // plan, push --dry-run, verify, status, diff, log, pull
	"push":  assetsync.Operations, // and push
	"watch": assetsync.Operations, // the engine's, and ListAssets to look for remote changes
	"prune": func() []string { return append(assetsync.Operations(), assetsync.Deletes()...) },
	"probe": probeOperations, // and ListAssetTypes, of no agent space
}

func (a *app) assetPolicyCommand() *cobra.Command {
	var use, account string
	cmd := &cobra.Command{
		Use:   "policy --for plan|push|watch|prune|probe",
		Short: "Print the least IAM policy that a use needs",
		Long: `Print the least IAM policy that a use of assetsync needs in the environment, as
JSON. No call is made.

  plan   plan, push --dry-run, verify, status, diff, log and pull: what only reads
         the remote
  push   these, push, restore, undo and prune --assets
  watch  these, and the daemon
  prune  these, prune --assets --delete and asset delete
  probe  these, DeleteAsset for scratch assets, and ListAssetTypes

The account is that of the config, or of --account. The check of account: before
a write needs no permission. What "asset types" calls is not in it:
aidevops:ListAssetTypes on "*".`,
		Example: `  assetsync asset policy --for plan
  assetsync asset policy --for push --account 123456789012`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			const uses = "say --for plan, push, watch, prune or probe"
			actions, ok := policyActions[use]
			switch {
			case use == "":
				return usageError(nil, uses, "asset policy: --for is missing")
			case !ok:
				return usageError(nil, uses, "--for %s is not known", quoted(use))
			}
			env, err := a.policyEnvironment(cmd.Context(), account)
			if err != nil {
				return err
			}
			p := env.policy(use, actions())
			if env.Account == accountPlaceholder {
				a.say("note: the account is not known: put its 12 digits in the place of %s, or give --account", accountPlaceholder)
			}
			if env.RoleARN != "" {
				a.say("note: the policy belongs to the role %s; whoever runs assetsync needs sts:AssumeRole on that role", env.RoleARN)
			}
			if a.jsonOut {
				return a.writeEnvelope(envelope{Env: env.Name, Policy: &p})
			}
			return p.print(a)
		},
	}
	cmd.Flags().StringVar(&use, "for", "", "what the policy is for: `USE` is plan, push, watch, prune or probe")
	cmd.Flags().StringVar(&account, "account", "", "the AWS account, 12 `DIGITS` (default: the config's)")
	return cmd
}

func (p policy) print(a *app) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(p)
}

// policyEnvironment is the environment that a policy is for, with a region and
// an account, or what stands for one.
func (a *app) policyEnvironment(ctx context.Context, account string) (Environment, error) {
	config, err := a.loadConfig()
	if err != nil {
		return Environment{}, err
	}
	env, err := config.Environment(a.envName, a.getenv)
	switch {
	case err != nil:
		return env, err
	case env.Embedded():
		return env, usageError(nil, "choose an environment of the service with --env", "a remote that is embedded asks for no permission")
	case account != "" && !accountForm().MatchString(account):
		return env, usageError(nil, "for example --account 123456789012", "--account %s is no AWS account: it has 12 digits", quoted(account))
	case account != "" && env.Account != "" && account != env.Account:
		return env, usageError(nil, "leave out --account, or correct account: in the config", "--account %s is not the account of the config, %s", account, env.Account)
	}
	env.Account = orDefault(env.Account, orDefault(account, accountPlaceholder))
	if env.Region == "" {
		env.Region, err = a.profileRegion(ctx, env)
	}
	return env, err
}

// profileRegion is the region that the AWS configuration names.
func (a *app) profileRegion(ctx context.Context, env Environment) (string, error) {
	s := a.newSession()
	s.env = env
	err := s.dial(ctx, "")
	return s.space.Region, s.abort(err)
}

// policy allows operations on the agent space of the environment.
func (e Environment) policy(use string, operations []string) policy {
	actions := make([]string, len(operations))
	for i, op := range slices.Sorted(slices.Values(operations)) {
		actions[i] = iamPrefix + op
	}
	sid := "Assetsync" + strings.ToUpper(use[:1]) + use[1:]
	p := policy{policyLanguage, []policyStatement{{
		Sid: sid, Effect: "Allow", Action: actions,
		Resource: fmt.Sprintf("arn:%s:aidevops:%s:%s:agentspace/%s", partition(e.Region), e.Region, e.Account, e.AgentSpace),
	}}}
	if use == "probe" {
		p.Statement = append(p.Statement, policyStatement{Sid: sid + "Types", Effect: "Allow", Action: []string{iamPrefix + "ListAssetTypes"}, Resource: "*"})
	}
	return p
}

// partitions are those with regions of their own, by how these begin. All
// others are of the partition "aws".
var partitions = map[string]string{
	"cn-":      "aws-cn",
	"us-gov-":  "aws-us-gov",
	"us-iso-":  "aws-iso",
	"us-isob-": "aws-iso-b",
	"eu-isoe-": "aws-iso-e",
	"us-isof-": "aws-iso-f",
	"eusc-":    "aws-eusc",
}

func partition(region string) string {
	for _, begin := range slices.Sorted(maps.Keys(partitions)) {
		if strings.HasPrefix(region, begin) {
			return partitions[begin]
		}
	}
	return "aws"
}
