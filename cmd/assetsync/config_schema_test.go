package main

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestConfigSchema holds the committed schema to the structs; -update writes it.
func TestConfigSchema(t *testing.T) {
	compareGolden(t, "../../docs/assetsync.schema.json", ConfigSchema())
}

// compiledSchema is the schema as a validator reads it.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(ConfigSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// refusedBySchema returns what a schema has against a config.
func refusedBySchema(t *testing.T, s *jsonschema.Schema, config string) error {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// refused returns what a run has against a config, its environments included.
func refused(config string) error {
	c, err := ParseConfig([]byte(config), ConfigName)
	if err != nil {
		return err
	}
	names := c.EnvironmentNames()
	if len(names) == 0 {
		names = []string{""}
	}
	for _, name := range names {
		if _, err := c.Environment(name, func(string) (string, bool) { return "eu-west-1", true }); err != nil {
			return err
		}
	}
	return nil
}

func TestConfigSchemaTakesExample(t *testing.T) {
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	s := compiledSchema(t)
	if err := refusedBySchema(t, s, string(example)); err != nil {
		t.Error(err)
	}
	for name := range initGoldens {
		text, err := os.ReadFile("testdata/init/" + initGoldens[name])
		if err != nil {
			t.Fatal(err)
		}
		if err := refusedBySchema(t, s, string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestConfigSchemaAgrees has configs that the schema and a run have to judge
// alike.
func TestConfigSchemaAgrees(t *testing.T) {
	const local = "endpoint: embedded\n"
	entry := func(keys string) string { return local + "targets:\n  - {path: a, type: skill, " + keys + "}\n" }
	tests := []struct {
		name, config string
		ok           bool
	}{
		{"a local one", local, true},
		{"the service", "region: eu-west-1\nagent_space: sp-1\naccount: \"123456789012\"\nrole_arn: arn:aws:iam::1:role/a\n", true},
		{"variables", "region: ${env:R}\nagent_space: sp-${env:S}\nendpoint: http://127.0.0.1:1\n", true},
		{"unknown key", local + "retries: 3\n", false},
		{"unknown key of an environment", "environments: {a: {endpoint: embedded, retries: 3}}\n", false},
		{"unknown key of a target", entry("retries: 3"), false},
		{"unknown key below publish", entry("publish: {retries: 3}"), false},
		{"unknown key below watch", local + "watch: {retries: 3}\n", false},
		{"account as a number", local + "account: 123456789012\n", false},
		{"short account", local + "account: \"1234\"\n", false},
		{"odd region", local + "region: EU west\n", false},
		{"odd endpoint", "endpoint: ftp://a\nagent_space: a\n", false},
		{"odd role", local + "role_arn: role/a\n", false},
		{"odd name of an environment", "environments: {a b: {endpoint: embedded}}\n", false},
		{"no path", local + "targets: [{type: skill}]\n", false},
		{"absolute path", local + "targets: [{path: /a, type: skill}]\n", false},
		{"unknown type", local + "targets: [{path: a, type: skil}]\n", false},
		{"git source", entry("source: 'git:main'"), true},
		{"odd source", entry("source: 'git:'"), false},
		{"asset for all", entry("asset: ki-1"), true},
		{"asset of one environment", "environments: {a: {endpoint: embedded}}\ntargets: [{path: a, type: skill, asset: {a: ki-1}}]\n", true},
		{"odd asset", entry("asset: 'ki 1'"), false},
		{"metadata", entry("metadata: {a: 1, b: [x, 2, true], c: true}"), true},
		{"deep metadata", entry("metadata: {a: {b: c}}"), false},
		{"empty metadata value", entry("metadata: {a: null}"), false},
		{"one agent type", local + "targets: [{path: a/AGENTS.md, agent_type: CHAT}]\n", true},
		{"no agent types", local + "targets: [{path: a/AGENTS.md, agent_type: []}]\n", false},
		{"odd agent type", local + "targets: [{path: a/AGENTS.md, agent_type: [chat]}]\n", false},
		{"ignore as a text", entry("ignore: README.md"), false},
		{"a text where true or false belongs", entry("protected: \"yes\""), false},
		{"odd branch", entry("branch: a b"), false},
		{"half a file call", entry("publish: {max_file_calls: 1.5}"), false},
		{"a time without unit", local + "watch: {idle: 5}\n", false},
		{"a time of two units", local + "watch: {idle: 1m30s}\n", true},
		{"an empty text", local + "profile: \"\"\n", false},
	}
	s := compiledSchema(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := refused(tt.config); (err == nil) != tt.ok {
				t.Errorf("a run: got %v, want ok %v", err, tt.ok)
			}
			if err := refusedBySchema(t, s, tt.config); (err == nil) != tt.ok {
				t.Errorf("the schema: got %v, want ok %v", err, tt.ok)
			}
		})
	}
}

// TestLimitsHold tries each bound and each word of the limits, and what lies
// just beyond: a run takes the ones and refuses the others, and so does the
// schema, where it can tell.
func TestLimitsHold(t *testing.T) {
	s := compiledSchema(t)
	tried := 0
	try := func(k docKey, value string, ok, told bool) {
		t.Helper()
		tried++
		config := configWith(k.path, value)
		if err := refused(config); (err == nil) != ok {
			t.Errorf("%s: %s: a run says %v, want ok %v\n%s", k.path, value, err, ok, config)
		}
		if err := refusedBySchema(t, s, config); told && (err == nil) != ok {
			t.Errorf("%s: %s: the schema says %v, want ok %v\n%s", k.path, value, err, ok, config)
		}
	}
	for _, k := range allKeys() {
		if reflect.DeepEqual(k.Limit, limit{}) {
			continue
		}
		for _, word := range k.Limit.words {
			try(k, word, true, true)
			try(k, word+"x", false, true)
		}
		for _, b := range []struct {
			bound  any
			beyond int
		}{{k.Limit.least, -1}, {k.Limit.most, 1}} {
			switch at := b.bound.(type) {
			case int:
				try(k, fmt.Sprint(at), !k.Limit.above, true)
				try(k, fmt.Sprint(at+b.beyond), false, true)
			case time.Duration:
				try(k, at.String(), true, true)
				try(k, (at + time.Duration(b.beyond)*time.Millisecond).String(), false, false)
			}
		}
		if k.Limit.String() == "" {
			t.Errorf("%s: its limit has no words", k.path)
		}
	}
	if tried < 40 {
		t.Errorf("only %d values were tried", tried)
	}
}

// configWith is a config with one key, as the manual calls it.
func configWith(key, value string) string {
	lines := []string{"endpoint: embedded"}
	in, rest := "", key
	if after, ok := strings.CutPrefix(key, "targets[]."); ok {
		lines, in, rest = append(lines, "targets:", "  - path: a"), "    ", after
	} else if key == "endpoint" {
		lines = nil
	}
	parts := strings.Split(rest, ".")
	for _, outer := range parts[:len(parts)-1] {
		lines, in = append(lines, in+outer+":"), in+"  "
	}
	if key == "watch.settle" { // a longer wait would be needed beside it
		lines = append(lines, in+"max_wait: 10m")
	}
	if key == "watch.max_wait" {
		lines = append(lines, in+"settle: 10ms")
	}
	return strings.Join(append(lines, fmt.Sprintf("%s%s: %s", in, parts[len(parts)-1], value)), "\n") + "\n"
}
