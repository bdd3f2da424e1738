package state

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Endpoint is what was learned of how a service behaves where its
// documentation says nothing: by a probe, or from what was seen at work. The
// answers above Probe are what the engine goes by. One that was seen to be
// wrong goes from there; Probe keeps what was found out then.
type Endpoint struct {
	DeleteRaisesVersion   Tri    `json:"delete_raises_version,omitempty"`   // of DeleteAssetFile
	CreateRaisesVersion   Tri    `json:"create_raises_version,omitempty"`   // of CreateAssetFile
	CreateRefusesExisting Tri    `json:"create_refuses_existing,omitempty"` // of CreateAssetFile, for a path
	Probe                 *Probe `json:"probe,omitempty"`                   // the last one; nil: none was
}

// probeFormat is the format of [Probe] that is read and written.
const probeFormat = 1

// Probe is the outcome of one run of assetsync probe.
type Probe struct {
	At         time.Time     `json:"at"`
	AgentSpace string        `json:"agent_space"`
	Answers    []ProbeAnswer `json:"answers"`
}

// ProbeAnswer is the answer to one question about the service.
type ProbeAnswer struct {
	Item     int      `json:"item"` // of docs/probe.md
	Question string   `json:"question"`
	Quirk    string   `json:"quirk,omitempty"`   // the emulator's name for it
	Reading  string   `json:"reading,omitempty"` // of the quirk; "" when it was not found out
	Text     string   `json:"text"`
	Calls    []string `json:"calls,omitempty"` // operations that showed it
}

// plainProbe is a Probe as JSON has it, with its format.
type plainProbe struct {
	Format int `json:"format"`
	probeFields
}

type probeFields Probe

// MarshalJSON implements [json.Marshaler].
func (p Probe) MarshalJSON() ([]byte, error) {
	return json.Marshal(plainProbe{probeFormat, probeFields(p)})
}

// UnmarshalJSON implements [json.Unmarshaler]. Another format is refused.
func (p *Probe) UnmarshalJSON(data []byte) error {
	var format struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &format); err != nil {
		return err
	}
	if format.Format != probeFormat {
		return fmt.Errorf("answers of a probe have format %d, and this version of assetsync knows %d: use the newer assetsync, or run assetsync probe again", format.Format, probeFormat)
	}
	return json.Unmarshal(data, (*probeFields)(p))
}

// Reading returns the answer about a quirk; "" when there is none.
func (p *Probe) Reading(quirk string) string {
	if p == nil {
		return ""
	}
	for _, a := range p.Answers {
		if a.Quirk == quirk {
			return a.Reading
		}
	}
	return ""
}

// NewEndpoint returns what a probe has shown.
func NewEndpoint(p Probe) Endpoint {
	tri := func(quirk string, yes ...string) Tri {
		switch reading := p.Reading(quirk); {
		case reading == "":
			return Unknown
		case slices.Contains(yes, reading):
			return Yes
		}
		return No
	}
	return Endpoint{
		DeleteRaisesVersion:   tri("file-delete-version", "bump"),
		CreateRaisesVersion:   tri("file-create-version", "bump"),
		CreateRefusesExisting: tri("create-existing", "conflict", "validation"),
		Probe:                 &p,
	}
}

// Forgotten returns the quirks of which something else than the probe's answer
// was seen since.
func (e Endpoint) Forgotten() (quirks []string) {
	if e.Probe == nil {
		return nil
	}
	told := NewEndpoint(*e.Probe)
	if told.DeleteRaisesVersion != Unknown && told.DeleteRaisesVersion != e.DeleteRaisesVersion {
		quirks = append(quirks, "file-delete-version")
	}
	if told.CreateRaisesVersion != e.CreateRaisesVersion {
		quirks = append(quirks, "file-create-version")
	}
	if told.CreateRefusesExisting != e.CreateRefusesExisting {
		quirks = append(quirks, "create-existing")
	}
	return quirks
}
