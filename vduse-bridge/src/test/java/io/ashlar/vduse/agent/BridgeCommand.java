package io.ashlar.vduse.agent;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Sends commands to a bridge: {@code SOCKET attach NAME | detach NAME | force NAME | list | drain}, one per
 * argument; and {@code remove NAME}, with the bridge dead.
 */
public final class BridgeCommand {
    private BridgeCommand() {}

    public static void main(String[] args) throws IOException {
        if (args[1].startsWith("remove ")) {
            BridgeConfig config = BridgeConfig.defaults().withControlSocket(Path.of(args[0]));
            VolumeOpener nowhere = (name, readOnly, steal) -> {
                throw new BridgeException("there is no node to tell");
            };
            LeftoverRemoval.remove(config, nowhere, args[1].substring("remove ".length()));
            System.out.println(args[1] + ": done");
            return;
        }
        try (BridgeClient client = BridgeClient.connect(Path.of(args[0]))) {
            for (int i = 1; i < args.length; i++) {
                String[] words = args[i].split(" ", -1);
                try {
                    switch (words[0]) {
                        case "attach" -> System.out.println(client.attach(words[1], false, false));
                        case "attach-ro" -> System.out.println(client.attach(words[1], true, false));
                        case "detach" -> client.detach(words[1], false);
                        case "force" -> client.detach(words[1], true);
                        case "list" -> client.attachments().forEach(System.out::println);
                        case "drain" -> client.drain().forEach(System.out::println);
                        default -> throw new IllegalArgumentException(args[i]);
                    }
                    System.out.println(args[i] + ": done");
                } catch (IOException e) {
                    System.out.println(args[i] + ": " + e.getMessage());
                }
            }
        }
    }
}
