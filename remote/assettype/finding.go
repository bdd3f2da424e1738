package assettype

import (
	"fmt"

	"assetsync/manifest"
)

// Severity says what a finding means for people.
type Severity string

// Severities. An Error stops a publish; a Warning is shown.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one breach of a rule, or one piece of advice.
type Finding struct {
	Severity Severity      `json:"severity"`
	Service  bool          `json:"service"`          // the service is known, or must be presumed, to refuse this
	Rule     string        `json:"rule"`             // stable word for programs
	Path     manifest.Path `json:"path,omitempty"`   // file that it is about
	Line     int           `json:"line,omitempty"`   // of the file, from 1; 0: the file as a whole
	Column   int           `json:"column,omitempty"` // in characters, from 1; 0 with Line 0
	Field    string        `json:"field,omitempty"`  // JSON pointer into a request: "/metadata/agent_types"
	Message  string        `json:"message"`          // what is wrong, a clause without a full stop
	Fix      string        `json:"fix,omitempty"`    // what to do, a clause without a full stop
}

// String returns "SEVERITY: PLACE: MESSAGE (RULE)".
func (f Finding) String() string {
	place := string(f.Path)
	if place == "" {
		place = f.Field
	}
	if place != "" {
		place += ": "
	}
	return fmt.Sprintf("%s: %s%s (%s)", f.Severity, place, f.Message, f.Rule)
}

// refused is a finding that the service answers with an error.
func refused(rule, message string) Finding {
	return Finding{Severity: Error, Service: true, Rule: rule, Message: message}
}

// advised is a finding that the service is not known to make.
func advised(rule, message string) Finding {
	return Finding{Severity: Warning, Rule: rule, Message: message}
}

func (f Finding) at(p manifest.Path) Finding  { f.Path = p; return f }
func (f Finding) on(line, column int) Finding { f.Line, f.Column = line, column; return f }
func (f Finding) in(field string) Finding     { f.Field = field; return f }
func (f Finding) fixedBy(fix string) Finding  { f.Fix = fix; return f }
func (f Finding) onlyWarned() Finding         { f.Severity = Warning; return f }
func metadataField(key string) string         { return "/metadata/" + key }
func metadataItem(key string, i int) string   { return fmt.Sprintf("/metadata/%s/%d", key, i) }
