package assettype

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"assetsync/internal/lazyregexp"
)

// key is what one type says about one metadata key.
type key struct {
	name     string
	required bool
	check    func(field string, v any) []Finding
}

// keysOf returns the keys that the user guide lists for a type.
func keysOf(t Type) []key {
	switch t.Name {
	case Skill:
		return []key{
			{"agent_types", true, checkAgentTypes},
			{"name", true, checkName},
			{"description", true, checkDescription},
			{"skill_type", false, oneOf("skill-type", "USER")},
			{"status", false, oneOf("status", "ACTIVE", "INACTIVE")},
			{"enable_tools", false, checkStrings},
		}
	case AgentsMD:
		return []key{{"agent_type", true, checkAgentType}}
	case Attachment:
		return []key{
			{"filename", true, checkText},
			{"extension", true, checkExtension},
			{"size", true, checkSize},
		}
	case CustomAgent:
		return []key{
			{"name", true, checkName},
			{"tools", false, checkStrings},
			{"skills", false, checkAgentSkills},
		}
	case TestProfile:
		return []key{
			{"test_agent_type", true, oneOf("test-agent-type", "releaseUiTesting", "releaseApiTesting")},
			{"target_url", true, checkText},
			{"name", false, checkLength("name-length", maxProfileNameChars)},
			{"description", false, checkDescription},
			{"test_personas", false, checkPersonas},
		}
	case Feedback:
		return []key{{"agent_types", true, checkAgentTypes}}
	}
	return nil
}

// DefaultMetadata returns what the service itself puts into the metadata of an
// asset of type t where nothing was sent. It is never nil.
func DefaultMetadata(t Type) map[string]any {
	switch t.Name {
	case Skill:
		return map[string]any{"skill_type": "USER", "status": "ACTIVE"}
	case CustomAgent:
		return map[string]any{"tools": []any{}, "skills": []any{}}
	}
	return map[string]any{}
}

// CheckMetadata reports on the metadata of an asset of type t as it stands
// after a request, except on the keys named in derived, which the content
// decides ([DerivedKeys]).
//
// Values are what encoding/json or YAML make: strings, booleans, any number
// type or [json.Number], []any, []string, map[string]any, nil.
func CheckMetadata(t Type, metadata map[string]any, derived ...string) []Finding {
	var out []Finding
	for _, k := range keysOf(t) {
		if slices.Contains(derived, k.name) {
			continue
		}
		v, ok := metadata[k.name]
		switch {
		case ok && v != nil:
			out = append(out, k.check(metadataField(k.name), v)...)
		case k.required:
			out = append(out, refused(ruleName(k.name)+"-required", fmt.Sprintf("%s is required for %s", k.name, t.Name)).
				in(metadataField(k.name)).fixedBy(requiredFix(t, k.name)))
		}
	}
	return append(out, checkValues(metadata)...)
}

const fixAgentTypes = "set metadata.agent_types to [GENERIC] or to a list of agent types"

func requiredFix(t Type, key string) string {
	switch key {
	case "name", "description":
		if t.Frontmatter {
			return "begin " + t.MainFile + " with a frontmatter that has name and description, or set metadata." + key
		}
	case "agent_types":
		return fixAgentTypes
	case "agent_type":
		return "set agent_type to one agent type, for example CHAT"
	}
	return "set metadata." + key
}

func ruleName(key string) string { return strings.ReplaceAll(key, "_", "-") }

// checkValues holds every value to what the service stores: strings,
// numbers, booleans and lists of those.
func checkValues(metadata map[string]any) []Finding {
	var out []Finding
	for _, k := range slices.Sorted(maps.Keys(metadata)) {
		switch v := metadata[k].(type) {
		case nil:
			out = append(out, advised("null-value", k+" is null: the service does not say whether that removes the key").in(metadataField(k)))
		case []any:
			for i, item := range v {
				if !isScalar(item) {
					out = append(out, nested(metadataItem(k, i)))
				}
			}
		case []string:
		default:
			if !isScalar(v) {
				out = append(out, nested(metadataField(k)))
			}
		}
	}
	return out
}

func nested(field string) Finding {
	return refused("value-kind", "a value must be a string, a number, a boolean or a list of those").in(field)
}

func isScalar(v any) bool {
	switch v.(type) {
	case string, bool:
		return true
	}
	_, ok := number(v)
	return ok
}

// number returns the value of any number type.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

// texts returns the strings of a list, false when v is no list of strings.
func texts(v any) ([]string, bool) {
	switch list := v.(type) {
	case []string:
		return list, true
	case []any:
		out := make([]string, len(list))
		for i, item := range list {
			s, ok := item.(string)
			if !ok {
				return nil, false
			}
			out[i] = s
		}
		return out, true
	}
	return nil, false
}

func checkAgentTypes(field string, v any) []Finding {
	list, ok := texts(v)
	if !ok {
		return []Finding{refused("agent-types-kind", "agent_types must be a list of strings").in(field)}
	}
	if len(list) == 0 {
		return []Finding{refused("agent-types-required", "agent_types must not be empty").in(field).fixedBy(fixAgentTypes)}
	}
	var out []Finding
	if len(list) > 1 && slices.Contains(list, "GENERIC") {
		out = append(out, refused("generic-alone", "GENERIC cannot be combined with other agent types").in(field).
			fixedBy("keep GENERIC alone or list the others without it"))
	}
	for i, s := range list {
		out = append(out, checkAgentType(fmt.Sprintf("%s/%d", field, i), s)...)
	}
	return out
}

// checkAgentType warns where the service refuses: the list of agent types
// has grown before, and only the service knows today's.
func checkAgentType(field string, v any) []Finding {
	s, ok := v.(string)
	if !ok {
		return []Finding{refused("agent-type-kind", "an agent type must be a string").in(field)}
	}
	if slices.Contains(AgentTypes(), s) {
		return nil
	}
	return []Finding{refused("agent-type-unknown", fmt.Sprintf("%q is no agent type that is known", s)).
		onlyWarned().in(field).fixedBy(fixAgentType(s))}
}

// fixAgentType says what may have been meant by an agent type that is not known.
func fixAgentType(s string) string {
	switch plain := strings.ToUpper(strings.NewReplacer("-", "_", " ", "_").Replace(s)); {
	case plain == "ON_DEMAND":
		return "write CHAT; On-demand is its name in the web app"
	case plain == "EVALUATION":
		return "write PREVENTION; Evaluation is its name in the web app"
	case slices.Contains(AgentTypes(), plain):
		return "write " + plain
	}
	return "use " + strings.Join(AgentTypes(), ", ") + "; the service may know newer ones"
}

var namePattern = lazyregexp.New(`^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$`)

func checkName(field string, v any) []Finding {
	s, ok := v.(string)
	switch {
	case !ok:
		return []Finding{refused("name-kind", "name must be a string").in(field)}
	case !namePattern().MatchString(s):
		return []Finding{refused("name-pattern", fmt.Sprintf("name %q must be a-z, 0-9 and hyphens, with no hyphen at either end", s)).in(field)}
	}
	return checkLength("name-length", maxNameChars)(field, s)
}

func checkDescription(field string, v any) []Finding {
	return checkLength("description-length", maxDescriptionChars)(field, v)
}

// checkLength holds a text to 1 up to limit characters.
func checkLength(rule string, limit int) func(string, any) []Finding {
	return func(field string, v any) []Finding {
		s, ok := v.(string)
		if !ok {
			return []Finding{refused(rule, "must be a string").in(field)}
		}
		if n := utf8.RuneCountInString(s); n < 1 || n > limit {
			return []Finding{refused(rule, fmt.Sprintf("has %d characters, want 1 to %d", n, limit)).in(field)}
		}
		return nil
	}
}

func oneOf(rule string, values ...string) func(string, any) []Finding {
	return func(field string, v any) []Finding {
		if s, ok := v.(string); ok && slices.Contains(values, s) {
			return nil
		}
		return []Finding{refused(rule, fmt.Sprintf("must be %s", strings.Join(values, " or "))).in(field)}
	}
}

func checkText(field string, v any) []Finding {
	if s, ok := v.(string); ok && s != "" {
		return nil
	}
	return []Finding{refused("text-kind", "must be a string that is not empty").in(field)}
}

func checkStrings(field string, v any) []Finding {
	if _, ok := texts(v); ok {
		return nil
	}
	return []Finding{refused("list-kind", "must be a list of strings").in(field)}
}

func checkAgentSkills(field string, v any) []Finding {
	list, ok := texts(v)
	if ok && len(list) > maxAgentSkills {
		return []Finding{refused("agent-skills", fmt.Sprintf("names %d skills, want at most %d", len(list), maxAgentSkills)).in(field)}
	}
	return checkStrings(field, v)
}

func checkPersonas(field string, v any) []Finding {
	list, ok := texts(v)
	known := func(s string) bool { return s == "guest" || s == "authenticated" }
	if ok && !slices.ContainsFunc(list, func(s string) bool { return !known(s) }) {
		return nil
	}
	return []Finding{refused("test-personas", "must be a list of guest and authenticated").in(field)}
}

func checkExtension(field string, v any) []Finding {
	if s, ok := v.(string); ok && strings.HasPrefix(s, ".") {
		return []Finding{refused("extension-dot", "extension is written without a dot").in(field)}
	}
	return checkText(field, v)
}

func checkSize(field string, v any) []Finding {
	if n, ok := number(v); ok && n >= 0 && n == math.Trunc(n) {
		return nil
	}
	return []Finding{refused("size-kind", "size must be a number of bytes").in(field)}
}
