package bench

// Nothing is the smallest WASI program: it exports its memory (one page) and a
// _start that returns at once. What a task of it takes is all overhead.
//
//	(module (memory (export "memory") 1) (func (export "_start")))
func Nothing() []byte {
	return []byte("\x00asm\x01\x00\x00\x00" +
		"\x01\x04\x01\x60\x00\x00" + // one type: no parameters, no results
		"\x03\x02\x01\x00" + // one function of it
		"\x05\x03\x01\x00\x01" + // one memory of at least one page
		"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x00" +
		"\x0a\x04\x01\x02\x00\x0b") // its body: end
}
