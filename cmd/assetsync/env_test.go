package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	const several = `
environments:
  stage: {agent_space: sp-stage, region: eu-west-1}
  prod: {agent_space: sp-prod, region: "${env:REGION}", account: "${env:ACCOUNT}", profile: "p-$${x}-${env:REGION}", protected: true, create: true}
rate: {burst: 3}
`
	getenv := func(name string) (string, bool) {
		v, ok := map[string]string{"REGION": "eu-north-1", "ACCOUNT": "123456789012", "EMPTY": "",
			"AWS_SECRET_ACCESS_KEY": "example", "PLAIN": "ghp_aB3dE6fG7hI8jK9lM0nO1pQ2rS3tU4vW5xY6"}[name]
		return v, ok
	}
	tests := []struct {
		name, config, choose string
		want                 Environment
	}{
		{"embedded", "endpoint: embedded", "", Environment{Endpoint: "embedded", Region: "local", AgentSpace: "local", Rate: Rate{10, 20}}},
		{"embedded with names", "{endpoint: embedded, region: r, agent_space: s}", "",
			Environment{Endpoint: "embedded", Region: "r", AgentSpace: "s", Rate: Rate{10, 20}}},
		{"the service, region from the profile", "agent_space: s", "", Environment{AgentSpace: "s", Rate: Rate{10, 20}}},
		{"an emulator", "{agent_space: s, endpoint: 'http://127.0.0.1:8080'}", "",
			Environment{AgentSpace: "s", Endpoint: "http://127.0.0.1:8080", Region: "us-east-1", Rate: Rate{10, 20}}},
		{"an endpoint elsewhere", "{agent_space: s, endpoint: 'https://vpce.example/x'}", "",
			Environment{AgentSpace: "s", Endpoint: "https://vpce.example/x", Rate: Rate{10, 20}}},
		{"one of several", several, "stage", Environment{Name: "stage", AgentSpace: "sp-stage", Region: "eu-west-1", Rate: Rate{10, 3}}},
		{"variables", several, "prod", Environment{
			Name: "prod", AgentSpace: "sp-prod", Region: "eu-north-1", Account: "123456789012", Profile: "p-${x}-eu-north-1",
			Protected: true, Create: CreateAlways, Rate: Rate{10, 3},
		}},
		{"the only one", "environments: {one: {agent_space: s}}", "", Environment{Name: "one", AgentSpace: "s", Rate: Rate{10, 20}}},
		{"the only one with a dot", "environments: {a.b: {agent_space: s}}", "", Environment{Name: "a.b", AgentSpace: "s", Rate: Rate{10, 20}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseFixture(t, tt.config).Environment(tt.choose, getenv)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}

	errors := []struct{ name, config, choose, want string }{
		{"several and none chosen", several, "",
			"assetsync.yaml has several environments and no default: prod and stage\nhint: choose with --env NAME or ASSETSYNC_ENV"},
		{"unknown", several, "production",
			"no environment \"production\" in assetsync.yaml: it has prod and stage\nhint: choose with --env NAME or ASSETSYNC_ENV"},
		{"chosen where there are no names", "endpoint: embedded", "prod",
			"environment \"prod\": assetsync.yaml has one environment, without a name\nhint: leave out --env and ASSETSYNC_ENV, or name it under environments:"},
		{"nothing said", "targets: []", "",
			"assetsync.yaml:1:1: agent_space: is missing: give the agent space's id, or endpoint: embedded for a local remote"},
		{"nothing said for one", "environments: {a: {region: eu-west-1}}", "a",
			"assetsync.yaml:1:19: environments.a.agent_space: is missing: give the agent space's id, or endpoint: embedded for a local remote"},
		{"unset and empty variables", "{agent_space: '${env:NONE}', region: '${env:EMPTY}'}", "",
			"assetsync.yaml:1:15: agent_space: the environment variable \"NONE\" is not set\nassetsync.yaml:1:38: region: the environment variable \"EMPTY\" is empty"},
		{"a credential by its name", "{agent_space: a, endpoint: 'https://evil.example/${env:AWS_SECRET_ACCESS_KEY}'}", "",
			`assetsync.yaml:1:28: endpoint: the environment variable "AWS_SECRET_ACCESS_KEY" looks like a credential, and all of this is sent to the remote: use another one`},
		{"a credential by its looks", "{agent_space: 'a-${env:PLAIN}', region: eu-west-1}", "",
			`assetsync.yaml:1:15: agent_space: the environment variable "PLAIN" looks like a credential, and all of this is sent to the remote: use another one`},
		{"other braces", "{agent_space: '${HOME}'}", "",
			"assetsync.yaml:1:15: agent_space: \"${HOME}\": want ${env:NAME}; write $${ for the signs themselves"},
		{"open brace", "{agent_space: 'a-${env:X'}", "",
			"assetsync.yaml:1:15: agent_space: \"a-${env:X\" opens ${ and does not close it: write $${ for the signs themselves"},
		{"values", "{agent_space: a/b, region: EU-West, account: '12', role_arn: admin, endpoint: localhost}", "",
			`assetsync.yaml:1:15: agent_space: "a/b" is no agent space id: it has no spaces and no slashes
assetsync.yaml:1:28: region: "EU-West" is no region: they are written as eu-west-1
assetsync.yaml:1:46: account: "12" is no AWS account: it has 12 digits
assetsync.yaml:1:62: role_arn: "admin" is no ARN: want arn:aws:iam::ACCOUNT:role/NAME
assetsync.yaml:1:79: endpoint: "localhost" is no URL: want https://HOST, http://HOST or embedded`},
		{"endpoint almost embedded", "{endpoint: embeded, agent_space: a}", "", `assetsync.yaml:1:12: endpoint: "embeded" is no URL; did you mean "embedded"?`},
		{"endpoint with a password", "{endpoint: 'https://u:p@h', agent_space: a}", "",
			`assetsync.yaml:1:12: endpoint: "https://u:p@h" may hold a host, a port and a path, nothing else`},
	}
	for _, tt := range errors {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseFixture(t, tt.config).Environment(tt.choose, getenv)
			wantUsage(t, err, tt.want)
		})
	}
}

// TestEnvironmentDoesNotReadOthersVariables chooses one environment; the
// variables of another are none of its business.
func TestEnvironmentDoesNotReadOthersVariables(t *testing.T) {
	c := parseFixture(t, "environments: {a: {agent_space: s}, b: {agent_space: '${env:SECRET}'}}")
	_, err := c.Environment("a", func(name string) (string, bool) {
		t.Errorf("looked up %s", name)
		return "", false
	})
	if err != nil {
		t.Error(err)
	}
}
