/** Low-rank adapters (LoRA and its family), interchangeable with those of PEFT. */
@NullMarked
package org.retain4j.lora;

import org.jspecify.annotations.NullMarked;
