package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	assetsync "assetsync/sync"
)

var update = flag.Bool("update", false, "write what the tests compare with")

const (
	examplePath = "../../config.example.yaml"
	manualPath  = "../../docs/configuration.md"
)

// docKey is a key of the config as the manual lists it.
type docKey struct {
	path string // targets[].publish.atomic
	configField
}

// docKeys lists every key that the structs of Config have.
func docKeys(v reflect.Value, prefix string) (out []docKey) {
	for _, f := range fieldsOf(v) {
		out = append(out, docKey{prefix + f.Name, f})
		if _, setting := f.Value.Addr().Interface().(selfDecoding); setting {
			continue
		}
		switch f.Value.Kind() {
		case reflect.Struct:
			out = append(out, docKeys(f.Value, prefix+f.Name+".")...)
		case reflect.Slice:
			out = append(out, docKeys(reflect.New(f.Value.Type().Elem()).Elem(), prefix+f.Name+"[].")...)
		}
	}
	return out
}

func allKeys() []docKey { return docKeys(reflect.ValueOf(&Config{}).Elem(), "") }

func TestKeysAreDocumented(t *testing.T) {
	for _, k := range allKeys() {
		if k.Doc == "" || !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s: doc %q is not a sentence", k.path, k.Doc)
		}
		if strings.Contains(k.Doc, "|") {
			t.Errorf("%s: doc %q breaks the table", k.path, k.Doc)
		}
	}
}

func TestExampleHoldsEveryKey(t *testing.T) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, k := range allKeys() {
		key := regexp.MustCompile(`(?m)^ *(- )?` + regexp.QuoteMeta(k.Name) + `:`)
		if !key.MatchString(text) {
			t.Errorf("%s: not set in the example", k.path)
		}
		if !strings.Contains(text, "# "+k.Doc+"\n") {
			t.Errorf("%s: the example lacks the line\n# %s", k.path, k.Doc)
		}
	}
}

func TestExampleLoads(t *testing.T) {
	abs, err := filepath.Abs(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(abs, filepath.Dir(abs))
	if err != nil {
		t.Fatal(err)
	}
	getenv := func(string) (string, bool) { return "eu-central-1", true }
	for _, name := range c.EnvironmentNames() {
		if _, err := c.Environment(name, getenv); err != nil {
			t.Errorf("environment %s: %v", name, err)
		}
	}
}

// TestKeyTable holds the manual's table and the structs together; -update
// writes it.
func TestKeyTable(t *testing.T) {
	data, err := os.ReadFile(manualPath)
	if err != nil {
		t.Fatal(err)
	}
	between := regexp.MustCompile(`(?s)(<!-- keys:[^\n]*-->\n).*(<!-- end of keys -->)`)
	if !between.Match(data) {
		t.Fatalf("%s has no place for the keys", manualPath)
	}
	var table strings.Builder
	table.WriteString("| key | meaning | type | default | limits |\n|---|---|---|---|---|\n")
	for _, k := range allKeys() {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s |\n", k.path, strings.ReplaceAll(k.Doc, "*", `\*`), typeWords(t, k), k.Default, k.Limit)
	}
	want := between.ReplaceAllStringFunc(string(data), func(old string) string {
		parts := between.FindStringSubmatch(old)
		return parts[1] + table.String() + parts[2]
	})
	if want == string(data) {
		return
	}
	if !*update {
		t.Fatalf("%s is behind the structs: go test ./cmd/assetsync -run TestKeyTable -update", manualPath)
	}
	if err := os.WriteFile(manualPath, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// typeWords says in the manual what can fill a key.
func typeWords(t *testing.T, k docKey) string {
	if _, setting := k.Value.Addr().Interface().(selfDecoding); !setting {
		return map[reflect.Kind]string{reflect.Struct: "keys", reflect.Map: "names with keys", reflect.Slice: "list"}[k.Value.Kind()]
	}
	switch k.Value.FieldByName("V").Interface().(type) {
	case string:
		return "text"
	case bool:
		return "true, false"
	case int:
		return "whole number"
	case float64:
		return "number"
	case time.Duration:
		return "time"
	case stringList:
		return "list of texts"
	case oneOrMore:
		return "text, or list of texts"
	case metadata:
		return "names with values"
	case assetIDs:
		return "text, or a text for each environment"
	}
	t.Errorf("%s: no word for its type", k.path)
	return ""
}

// TestDefaultsAreDocumented holds the default tags and the constants
// together.
func TestDefaultsAreDocumented(t *testing.T) {
	want := map[string]string{
		"rate.requests_per_second": fmt.Sprint(defaultRequestsPerSecond),
		"rate.burst":               fmt.Sprint(defaultBurst),
		"watch.mode":               defaultWatchMode,
		"watch.settle":             shortDuration(defaultSettle),
		"watch.max_wait":           shortDuration(defaultMaxWait),
		"watch.idle":               shortDuration(defaultIdle),
		"watch.poll_remote":        shortDuration(defaultPollRemote),
		"targets[].publish.when":   string(assetsync.OnSave),
		"targets[].publish.max_versions_per_hour": fmt.Sprint(defaultMaxVersions),
		"targets[].publish.max_file_calls":        fmt.Sprint(defaultMaxFileCalls),
		"targets[].deletes.max_files":             fmt.Sprint(defaultMaxDeletes),
		"targets[].deletes.max_percent":           fmt.Sprint(defaultMaxDeletePercent),
	}
	number := regexp.MustCompile(`^[0-9]+(ms|s|m|h)?$`)
	for _, k := range allKeys() {
		if text, named := want[k.path]; (named || number.MatchString(k.Default)) && k.Default != text {
			t.Errorf("%s: documented default %s, want %q", k.path, k.Default, want[k.path])
		}
		delete(want, k.path)
	}
	for path := range want {
		t.Errorf("%s: no such key", path)
	}
}
