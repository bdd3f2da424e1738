package main

import (
	"encoding/json"
	"net/url"
	"strings"

	"assetsync/sync/lint"
)

// What follows is the part of SARIF 2.1.0 that code scanning reads
// (docs.oasis-open.org/sarif/sarif/v2.1.0). The libraries that write it bring a
// validator of JSON schemas and a generator of ids with them.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		ColumnKind  string            `json:"columnKind"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription sarifText    `json:"shortDescription"`
		Help             sarifText    `json:"help"`
		Default          sarifDefault `json:"defaultConfiguration"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI       string `json:"uri"`
		URIBaseID string `json:"uriBaseId"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
	}
)

const (
	sarifSchema  = "https://json.schemastore.org/sarif-2.1.0.json"
	sarifVersion = "2.1.0"
	sarifRoot    = "%SRCROOT%" // what code scanning takes for the top of the repository
)

// writeSARIF writes one run with all findings, and only the rules that they
// break.
func (a *app) writeSARIF(results []lintTarget) error {
	a.explainLint(results)
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(a.sarif(results))
}

func (a *app) sarif(results []lintTarget) sarifLog {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "assetsync", Version: thisBuild().Version, Rules: []sarifRule{}}},
		ColumnKind:  "unicodeCodePoints",
		Invocations: []sarifInvocation{{ExecutionSuccessful: true}},
		Results:     []sarifResult{},
	}
	found := distinct(results)
	index := run.Tool.Driver.addRules(found)
	for _, f := range found {
		run.Results = append(run.Results, sarifResult{
			RuleID: f.Rule, RuleIndex: index[f.Rule], Level: string(f.Severity),
			Message: sarifText{f.Message + "; fix: " + f.Fix}, Locations: []sarifLocation{a.sarifLocation(f)},
		})
	}
	in := &run.Invocations[0]
	for _, r := range results {
		if r.Error != nil {
			in.ExecutionSuccessful = false
			in.Notifications = append(in.Notifications, sarifNotification{"error", sarifText{r.Target + ": " + withHint(r.Error.Message, r.Error.Hint)}})
		}
	}
	return sarifLog{sarifSchema, sarifVersion, []sarifRun{run}}
}

// addRules describes the rules of findings, and returns the index of each.
func (d *sarifDriver) addRules(found []lintFinding) map[string]int {
	broken := map[string]bool{}
	for _, f := range found {
		broken[f.Rule] = true
	}
	index := map[string]int{}
	for _, r := range lint.Rules() {
		if broken[r.ID] {
			index[r.ID] = len(d.Rules)
			what := strings.ReplaceAll(r.What, "`", "")
			d.Rules = append(d.Rules, sarifRule{r.ID, sarifText{what}, sarifText{r.Fix}, sarifDefault{string(r.Severity)}})
		}
	}
	return index
}

func (a *app) sarifLocation(f lintFinding) sarifLocation {
	file := (&url.URL{Path: a.inRepository(f.File)}).String()
	at := sarifLocation{sarifPhysical{Artifact: sarifArtifact{file, sarifRoot}}}
	if f.Line > 0 {
		at.Physical.Region = &sarifRegion{f.Line, f.Column}
	}
	return at
}
