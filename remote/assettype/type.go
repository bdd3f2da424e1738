package assettype

// Limits of the service, with the page of the user guide or the model that
// states them.
const (
	maxFileBytes        = 6_291_456 // API model, AssetFileBytes: 6 MiB before base64
	maxSkillFiles       = 100       // user guide "Skills": files in one zip
	maxAgentsMDBytes    = 25 * 1024 // user guide "Agent instructions": 25 KB; 1,000 or 1,024 is not said
	safeAgentsMDBytes   = 25_000    // the smaller reading of 25 KB
	maxNameChars        = 64        // user guide "Managing assets"
	maxProfileNameChars = 128       // user guide "Managing assets", test_profile
	maxDescriptionChars = 1024      // user guide "Managing assets"
	minHelpfulChars     = 100       // user guide "Skills": advised length of a description
	maxPromptChars      = 50_000    // user guide "Quotas": prompt of a custom agent
	maxAgentSkills      = 200       // user guide "Quotas": skills of a custom agent
)

// Names of the asset types that can be created in the edition of 2026-06-08.
const (
	Skill       = "skill"
	AgentsMD    = "agents_md"
	Attachment  = "attachment"
	CustomAgent = "custom_agent"
	TestProfile = "test_profile"
	Feedback    = "feedback"
)

// Type describes one asset type. It is a value.
type Type struct {
	Name         string
	MainFile     string // file that the type needs at the root; "" when any name will do
	SingleFile   bool   // exactly one file
	Zip          bool   // content may be sent as a zip
	Frontmatter  bool   // a zip's main file must name and describe the asset in frontmatter
	Pushable     bool   // assetsync publishes it; the others can be listed and pulled
	IdentityKey  string // metadata key that identifies the asset in a space; "" when none does
	MaxFiles     int    // files in one zip; 0 when no limit is known
	MaxFileBytes int64  // bytes of one file
	PerSpace     int    // assets of the type in one space; 0 when no limit is known
}

// All returns the types in order of name.
func All() []Type {
	all := types()
	return all[:]
}

// types is [All], for who keeps none of it: it takes no memory of the heap.
func types() [6]Type {
	return [...]Type{
		{Name: AgentsMD, MainFile: "AGENTS.md", SingleFile: true, Pushable: true, IdentityKey: "agent_type", MaxFiles: 1, MaxFileBytes: maxAgentsMDBytes},
		{Name: Attachment, SingleFile: true, Pushable: true, IdentityKey: "filename", MaxFiles: 1, MaxFileBytes: maxFileBytes},
		{Name: CustomAgent, MainFile: "AGENT.md", Zip: true, Pushable: true, IdentityKey: "name", MaxFileBytes: maxFileBytes, PerSpace: 200},
		{Name: Feedback, MainFile: "FEEDBACK.md", Zip: true, MaxFileBytes: maxFileBytes},
		{Name: Skill, MainFile: "SKILL.md", Zip: true, Frontmatter: true, Pushable: true, IdentityKey: "name", MaxFiles: maxSkillFiles, MaxFileBytes: maxFileBytes, PerSpace: 200},
		{Name: TestProfile, MainFile: "PROFILE.md", Zip: true, MaxFileBytes: maxFileBytes},
	}
}

// Lookup returns the type with this name, which the service compares with
// regard to case.
func Lookup(name string) (Type, bool) {
	for _, t := range types() {
		if t.Name == name {
			return t, true
		}
	}
	return Type{}, false
}

// AgentTypes returns the agent types that the service is known to have, in
// its own order: the user guide's twelve, then those seen only in its
// answers.
func AgentTypes() []string {
	return []string{
		"GENERIC", "CHAT", "INCIDENT_TRIAGE", "INCIDENT_RCA", "INCIDENT_MITIGATION", "PREVENTION",
		"CHANGE_REVIEW", "CHANGE_RELEASE", "QUALITY_ASSURANCE_TESTING", "RELEASE_SHEPHERD",
		"RELEASE_READINESS_REVIEW", "RELEASE_TESTING",
		"SYSTEM_LEARNING", "INCIDENT_UI", "GRADER",
	}
}
