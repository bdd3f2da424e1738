package main

import (
	"fmt"
	"time"

	"assetsync/manifest"
)

// limit is what a setting may be, besides its type: for the manual and for the
// schema. What refuses a config is its check; a test holds the two together.
type limit struct {
	words       []string // it is one of these
	least, most any      // int, float64 or time.Duration; nil: none
	above       bool     // it is more than least
	form        string   // a regular expression that it matches, in Go and in JavaScript
	text        string   // what form says, for people
}

// limited is implemented by structs of the config whose settings have limits,
// by the names of their keys.
type limited interface{ limits() map[string]limit }

// String is the limit for people, "" when there is none.
func (l limit) String() string {
	switch {
	case len(l.words) > 0:
		return wordList(l.words, "or")
	case l.above:
		return "more than " + shownBound(l.least)
	case l.least != nil && l.most != nil:
		return shownBound(l.least) + " to " + shownBound(l.most)
	case l.least != nil:
		return shownBound(l.least) + " or more"
	case l.most != nil:
		return shownBound(l.most) + " or less"
	}
	return l.text
}

func shownBound(v any) string {
	if d, ok := v.(time.Duration); ok {
		return shortDuration(d)
	}
	return fmt.Sprint(v)
}

// orVariable adds, to what a text of an environment may be, one that names a
// variable: what that holds nobody knows before it is read.
func orVariable(form string) string { return form + `|\$\{` }

func (EnvironmentConfig) limits() map[string]limit {
	return map[string]limit{
		"region":      {form: orVariable(regionForm().String()), text: "small letters, digits and -"},
		"agent_space": {form: `^[^\s/]+$`, text: "no spaces and no slashes"},
		"endpoint":    {form: orVariable(`^` + EmbeddedEndpoint + `$|^https?://[^/?#@\s][^?#@\s]*$`), text: EmbeddedEndpoint + ", or a URL with http or https"},
		"account":     {form: orVariable(accountForm().String()), text: "12 digits"},
		"role_arn":    {form: orVariable(`^arn:`), text: "begins with arn:"},
	}
}

func (RateConfig) limits() map[string]limit {
	return map[string]limit{
		"requests_per_second": {least: 0, above: true},
		"burst":               {least: 1},
	}
}

func (WatchConfig) limits() map[string]limit {
	return map[string]limit{
		"mode":        {words: watchModes()},
		"settle":      {least: minSettle, most: maxSettle},
		"max_wait":    {most: maxMaxWait},
		"idle":        {least: minIdle, most: maxIdle},
		"poll_remote": {least: minPollRemote, most: maxPollRemote},
	}
}

func (TargetConfig) limits() map[string]limit {
	return map[string]limit{
		"path":       {form: fmt.Sprintf(`^[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,%d}$`, maxPatternBytes-1), text: fmt.Sprintf("relative, %d bytes", maxPatternBytes)},
		"type":       {words: typeNames()},
		"source":     {form: `^(` + worktreeSource + `|` + gitSource + `|` + gitSource + `:[^-\s\x00-\x1f\x7f][^\s\x00-\x1f\x7f]*)$`, text: worktreeSource + ", " + gitSource + " or " + gitSource + ":REV"},
		"asset":      {form: assetID().String(), text: "letters, digits, _, . and -, 128 of them"},
		"agent_type": {form: agentTypeForm().String(), text: "written as INCIDENT_RCA"},
		"text":       {words: []string{string(manifest.TextExact), string(manifest.TextLF)}},
		"direction":  {words: directions()},
		"branch":     {form: `^[^-.\s~^:?*[\\][^\s~^:?*[\\]*$`, text: "as git names branches"},
	}
}

func (PublishConfig) limits() map[string]limit {
	return map[string]limit{
		"when":           {words: publishTimes()},
		"max_file_calls": {least: 0},
	}
}

func (DeletesConfig) limits() map[string]limit {
	return map[string]limit{
		"max_files":   {least: 0},
		"max_percent": {least: 0, most: 100},
	}
}
