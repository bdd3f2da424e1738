package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNotifyErrors(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"nothing in it", "notify: {}\n", "assetsync.yaml:1:9: notify: tells nobody: give command, webhook, or both"},
		{"a text for a command", "notify: {command: ./tell.sh -x}\n", `assetsync.yaml:1:19: notify.command: want a list, got the text "./tell.sh -x"`},
		{"no program", "notify: {command: []}\n", "assetsync.yaml:1:19: notify.command: the list is empty: name a program, and its arguments after it"},
		{"an empty argument", "notify: {command: [a, \"\"]}\n", "assetsync.yaml:1:23: notify.command[1]: is empty: give a value or remove the key"},
		{"http elsewhere", "notify: {webhook: \"http://hooks.example/s3cret\"}\n", "assetsync.yaml:1:19: notify.webhook: want an https URL, or http://localhost with a port"},
		{"no URL", "notify: {webhook: s3cret}\n", "assetsync.yaml:1:19: notify.webhook: want an https URL, or http://localhost with a port"},
		{"unknown key", "notify: {url: x}\n", `assetsync.yaml:1:10: notify: unknown key "url"; known: command and webhook`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseConfig([]byte(tt.config), ConfigName)
			wantUsage(t, err, tt.want)
		})
	}
}

// TestNotifySettings fills in variables; what goes wrong shows no secret.
func TestNotifySettings(t *testing.T) {
	env := map[string]string{"HOOK": "https://hooks.example/s3cret", "PATH_OF_HOOK": "s3cret", "PLAIN": "http://hooks.example/s3cret", "EMPTY": ""}
	getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	tests := map[string]struct {
		config  string
		command []string
		webhook bool
		err     string
	}{
		"none":                  {config: "rate: {burst: 2}\n"},
		"command":               {config: "notify: {command: [./tell.sh, \"${env:HOOK}\"]}\n", command: []string{"./tell.sh", "${env:HOOK}"}},
		"variable":              {config: "notify: {webhook: \"${env:HOOK}\"}\n", webhook: true},
		"part of it":            {config: "notify: {webhook: \"https://hooks.example/${env:PATH_OF_HOOK}\"}\n", webhook: true},
		"not set":               {config: "notify: {webhook: \"https://hooks.example/s3cret/${env:NONE}\"}\n", err: `the environment variable "NONE" is not set`},
		"empty":                 {config: "notify: {webhook: \"${env:EMPTY}\"}\n", err: `the environment variable "EMPTY" is empty`},
		"http elsewhere":        {config: "notify: {webhook: \"${env:PLAIN}\"}\n", err: "want an https URL"},
		"opened and not closed": {config: "notify: {webhook: \"https://hooks.example/s3cret/${env\"}\n", err: "opens ${ and does not close it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := ParseConfig([]byte(tt.config), ConfigName)
			if err != nil {
				t.Fatal(err)
			}
			n, err := c.Notify(getenv)
			if (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "s3cret")) {
				t.Fatalf("error %v, want %q and no secret", err, tt.err)
			}
			if err != nil {
				return
			}
			if n == nil {
				n = &NotifySettings{}
			}
			if d := cmp.Diff(tt.command, n.Command); d != "" || (n.Webhook != nil) != tt.webhook {
				t.Errorf("webhook %t, want %t; command (-want +got):\n%s", n.Webhook != nil, tt.webhook, d)
			}
		})
	}
}
