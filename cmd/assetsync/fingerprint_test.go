package main

import "testing"

// TestFingerprint tells processes apart that would not do the same: a daemon
// does no work for one that goes elsewhere, or goes there as somebody else.
func TestFingerprint(t *testing.T) {
	config := parseFixture(t, "endpoint: embedded\n")
	env := Environment{Region: "eu-west-1", AgentSpace: "sp-1"}
	of := func(variables map[string]string, env Environment) string {
		return (&app{getenv: mapEnv(variables)}).fingerprintOf(config, env)
	}
	none := of(nil, env)
	if again := of(nil, env); again != none {
		t.Errorf("the same process: %s, then %s", none, again)
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "HOME", "https_proxy"} {
		if of(map[string]string{name: "x"}, env) == none {
			t.Errorf("another %s makes no difference", name)
		}
	}
	if of(nil, Environment{Region: "eu-west-1", AgentSpace: "sp-2"}) == none {
		t.Error("another agent space makes no difference")
	}
}
