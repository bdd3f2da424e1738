package lint

// Sealed puts the checksum before what [Known.Bytes] writes behind it.
func Sealed(data []byte) []byte { return append(knownSum(data), data...) }
