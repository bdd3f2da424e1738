// Package assettype says what each type of asset allows and is identified by.
//
// # Rules
//
// Every rule yields a [Finding]. Two readers share them: the emulator
// refuses what [Finding.Service] marks, no more; people are shown all of
// them, with a [Severity] of their own. The two differ on purpose: an agent
// type that this package does not know is refused by the service of today
// (Service) and yet only a warning for people, because the service learns
// new ones.
//
// # Frontmatter
//
// A main file may begin with a line "---", YAML, and another line "---".
// Text between the lines that is not YAML (an unquoted colon in a
// description is the usual cause) is read line by line as "key: value",
// where an indented line continues the value before it.
package assettype
