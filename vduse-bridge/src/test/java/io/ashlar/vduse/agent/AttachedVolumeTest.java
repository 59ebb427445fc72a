package io.ashlar.vduse.agent;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.agent.AttachedVolume.State;
import org.junit.jupiter.api.Test;

class AttachedVolumeTest {
    @Test
    void shouldNotBecomeAttachedWhenItWasGivenUpFirst() {
        AttachedVolume volume = new AttachedVolume("v", State.ATTACHING);
        volume.giveUp();
        assertThat(volume.complete()).isFalse();
        assertThat(volume.state()).isEqualTo(State.ATTACHING);
    }

    @Test
    void shouldStayWhenItWasAttachedFirst() {
        AttachedVolume volume = new AttachedVolume("v", State.ATTACHING);
        assertThat(volume.complete()).isTrue();
        volume.giveUp();
        assertThat(volume.isGivenUp()).as("its user has been told of it").isFalse();
        assertThat(volume.state()).isEqualTo(State.ATTACHED);
    }

    @Test
    void shouldNeverGiveUpADeviceThatAnEarlierBridgeHasLeft() {
        AttachedVolume volume = new AttachedVolume("v", State.RESUMING);
        assertThat(volume.takeForResume()).isTrue();
        assertThat(volume.state()).isEqualTo(State.ATTACHING);
        volume.giveUp();
        assertThat(volume.isGivenUp()).as("applications wait for it").isFalse();
        assertThat(volume.isUnderWay()).isFalse();
    }
}
