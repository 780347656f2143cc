// Package demo holds what the demonstration of the main job runs: the sampler of the device layer here, the WebAssembly
// programs of the edge and cloud layers in modules.
package demo
