package lint

import (
	"slices"
	"sync"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// Rule is what a finding is named by.
type Rule struct {
	ID         string
	Severity   assettype.Severity
	What       string // that is wrong, a clause without a full stop
	Fix        string // what to do, a clause without a full stop
	Mechanical bool   // a finding of it may have an [Edit]
}

const (
	isError   = assettype.Error
	isWarning = assettype.Warning
)

// Rules returns all rules, in the order of the manual: files, frontmatter,
// metadata, what cannot be read, text, links, credentials.
func Rules() []Rule {
	return slices.Concat(fileRules(), frontmatterRules(), metadataRules(), problemRules(), textRules(), linkRules())
}

func fileRules() []Rule {
	return []Rule{
		{ID: "main-file", Severity: isError, What: "the file that the type needs (`SKILL.md`, `AGENT.md`) is missing", Fix: "add the type's main file at the root of the asset"},
		{ID: "wrapping-folder", Severity: isWarning, What: "the main file is not at the root: relative references fail when the agent runs", Fix: "publish the directory that holds the main file"},
		{ID: "single-file", Severity: isError, What: "the type is exactly one file", Fix: "leave one file"},
		{ID: "no-zip", Severity: isError, What: "the type takes no zip", Fix: "send the one file"},
		{ID: "extension", Severity: isError, What: "a file of a kind that a skill may not hold", Fix: "rename the file or add it to ignore:"},
		{ID: "scripts", Severity: isError, What: "a skill may not hold a `scripts` directory", Fix: "add scripts/ to ignore:"},
		{ID: "markdown-only", Severity: isError, What: "an agents_md is Markdown, as UTF-8 text", Fix: "write it as Markdown, in UTF-8"},
		{ID: "file-count", Severity: isError, What: "more files than a zip may hold (100 for a skill)", Fix: "leave files out with ignore:"},
		{ID: "file-size", Severity: isError, What: "a file over the limit (6,291,456 bytes; 25 KB for an agents_md)", Fix: "make it smaller, or leave it out with ignore:"},
		{ID: "agents-md-size", Severity: isWarning, What: "an agents_md of 25,001 to 25,600 bytes: the guide says 25 KB, and not which", Fix: "make it smaller than 25,000 bytes"},
		{ID: "prompt-length", Severity: isError, What: "the prompt of a custom agent over 50,000 characters", Fix: "make it shorter, or move parts into a skill"},
		{ID: ruleZipSize, Severity: isError, What: "the zip of all files is over 6,291,456 bytes after deflate", Fix: "leave files out with ignore:, or make them smaller"},
		{ID: ruleZipNear, Severity: isWarning, What: "the zip is over 6,000,000 bytes: the guide says 6 MB, and not which", Fix: "leave files out with ignore:, or make them smaller"},
	}
}

func frontmatterRules() []Rule {
	return []Rule{
		{ID: "frontmatter-required", Severity: isError, What: "a skill names and describes itself in the frontmatter of its main file", Fix: `begin the file with lines "---", "name: …", "description: …", "---"`},
		{ID: ruleYAML, Severity: isWarning, What: "the frontmatter is not valid YAML, and is read line by line", Fix: "put the value in quotes", Mechanical: true},
		{ID: "no-frontmatter", Severity: isError, What: "an agents_md takes no frontmatter", Fix: "remove the lines between --- and ---"},
		{ID: "name-pattern", Severity: isError, What: "a name that is not a-z, 0-9 and hyphens", Fix: "write the name in small letters, with hyphens between words"},
		{ID: "name-length", Severity: isError, What: "a name over 64 characters (128 for a test profile)", Fix: "choose a shorter name"},
		{ID: "name-kind", Severity: isError, What: "a name that is no text", Fix: "put the name in quotes"},
		{ID: "description-length", Severity: isError, What: "a description over 1,024 characters", Fix: "shorten it: details belong into the body"},
		{ID: "description-short", Severity: isWarning, What: "a description under 100 characters: agents choose by it", Fix: "say what the asset does, and when an agent should use it"},
	}
}

func metadataRules() []Rule {
	required := func(id string) Rule {
		return Rule{ID: id, Severity: isError, What: "metadata that the type needs is missing", Fix: "set it under metadata: in assetsync.yaml"}
	}
	return []Rule{
		required("agent-types-required"), required("agent-type-required"), required("name-required"), required("description-required"),
		required("filename-required"), required("extension-required"), required("size-required"),
		required("test-agent-type-required"), required("target-url-required"),
		{ID: "agent-types-kind", Severity: isError, What: "`agent_types` is no list of texts", Fix: "write a list, for example [GENERIC]"},
		{ID: "agent-type-kind", Severity: isError, What: "an agent type that is no text", Fix: "write one agent type, for example CHAT"},
		{ID: "agent-type-unknown", Severity: isWarning, What: "an agent type that is not known here", Fix: "check the spelling; the service may know newer agent types"},
		{ID: "generic-alone", Severity: isError, What: "`GENERIC` beside other agent types", Fix: "keep GENERIC alone or list the others without it"},
		{ID: "skill-type", Severity: isError, What: "a `skill_type` other than `USER`", Fix: "set it to USER, or leave it out"},
		{ID: "status", Severity: isError, What: "a `status` other than `ACTIVE` or `INACTIVE`", Fix: "set it to ACTIVE or INACTIVE"},
		{ID: "test-agent-type", Severity: isError, What: "a `test_agent_type` that does not exist", Fix: "set it to releaseUiTesting or releaseApiTesting"},
		{ID: "test-personas", Severity: isError, What: "a test persona other than `guest` or `authenticated`", Fix: "list guest, authenticated or both"},
		{ID: "agent-skills", Severity: isError, What: "a custom agent names more than 200 skills", Fix: "name fewer skills"},
		{ID: "list-kind", Severity: isError, What: "a value that is no list of texts", Fix: "write a list of texts"},
		{ID: "text-kind", Severity: isError, What: "a value that is no text, or empty", Fix: "write a text"},
		{ID: "extension-dot", Severity: isError, What: "an `extension` with a dot", Fix: "leave the dot out"},
		{ID: "size-kind", Severity: isError, What: "a `size` that is no number of bytes", Fix: "leave it out: it is derived"},
		{ID: "value-kind", Severity: isError, What: "a value that the service does not store", Fix: "use a text, a number, true or false, or a list of those"},
		{ID: "null-value", Severity: isWarning, What: "a value that is null: nobody knows whether that removes the key", Fix: "leave the key out"},
	}
}

func problemRules() []Rule {
	problem := func(kind manifest.ProblemKind, what, fix string) Rule {
		return Rule{ID: string(kind), Severity: isError, What: what, Fix: fix}
	}
	return []Rule{
		problem(manifest.Unreadable, "a file or directory that cannot be read", "make it readable, or leave it out with ignore:"),
		problem(manifest.Irregular, "a pipe, a socket or a device", "leave it out with ignore:"),
		problem(manifest.LinkEscapes, "a symbolic link out of the asset", "point it to something inside the directory, or leave it out with ignore:"),
		problem(manifest.LinkBroken, "a symbolic link to nothing", "point it to something inside the directory, or leave it out with ignore:"),
		problem(manifest.Unstable, "a file that changed while it was read", "wait until whatever writes it is done"),
		problem(manifest.BadName, "a name that the service does not take", "rename it, or leave it out with ignore:"),
		problem(manifest.NameTwins, "names that differ only by case or Unicode form", "rename one of them, or leave it out with ignore:"),
		problem(manifest.TooLarge, "a file that is larger than anything that can be published", "make it smaller, or leave it out with ignore:"),
	}
}

func textRules() []Rule {
	return []Rule{
		{ID: ruleHiddenText, Severity: isError, What: "text that agents read and people do not see: tag characters, or 8 and more invisible characters in a row", Fix: "remove the characters", Mechanical: true},
		{ID: ruleHiddenBidi, Severity: isError, What: "a character that makes text appear in another order than it is read", Fix: "remove the character", Mechanical: true},
		{ID: ruleHiddenChar, Severity: isWarning, What: "an invisible character where no script needs one", Fix: "remove the character", Mechanical: true},
		{ID: ruleControl, Severity: isWarning, What: "a control character other than tab, line feed, carriage return and form feed", Fix: "remove the character, or write it as an escape"},
		{ID: "encoding", Severity: isWarning, What: "text that is not UTF-8", Fix: "save the file as UTF-8", Mechanical: true},
		{ID: "secret", Severity: isError, What: "what looks like a credential (see [Secrets](secrets.md))", Fix: "take it out; if it is none, list the file under allow_secrets:"},
	}
}

func linkRules() []Rule {
	return []Rule{
		{ID: ruleDeadLink, Severity: isWarning, What: "a link or an image that leads to no file of the asset", Fix: "correct the path, or add the file"},
		{ID: ruleDeadAnchor, Severity: isWarning, What: "a link to a heading that is not there", Fix: "correct what follows #, or add the heading"},
		{ID: ruleLinkCase, Severity: isWarning, What: "a link that differs from the file's name by case, or by `\\` for `/`", Fix: "write the path as the file has it", Mechanical: true},
		{ID: ruleFromRoot, Severity: isWarning, What: "a link that leads to a file from the root of the asset, and not from the file that it stands in, as Markdown has it", Fix: "write the path from the file that the link stands in"},
		{ID: ruleLinkOutside, Severity: isWarning, What: "a link out of the asset: agents get only what is in it", Fix: "copy what is needed into the asset, or link to its address"},
		{ID: ruleUnchecked, Severity: isWarning, What: "a Markdown file whose links were not checked, because that would take too long", Fix: "part the file"},
	}
}

// byID are the rules by their ids.
var byID = sync.OnceValue(func() map[string]Rule {
	rules := map[string]Rule{}
	for _, r := range Rules() {
		rules[r.ID] = r
	}
	return rules
})

// findRule returns the rule with an id.
func findRule(id string) (Rule, bool) {
	r, ok := byID()[id]
	return r, ok
}

// mustRule is for the ids of this package.
func mustRule(id string) Rule {
	r, ok := findRule(id)
	if !ok {
		panic("lint: no rule " + id)
	}
	return r
}

// fixOf is what to do about a finding that does not say so itself.
func fixOf(id string) string {
	r, _ := findRule(id)
	return r.Fix
}
